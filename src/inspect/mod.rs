//! What is so: the state of a sweep, the difference of two results, whether results can be had again, and whether the
//! machine is fit for it. Nothing here changes what it looks at.

mod comparison;
mod corpus;
mod diagnosis;
mod difference;
mod machine;
mod pairing;
mod quantity;
mod results;
mod self_test;
mod status;
#[cfg(test)]
mod tests;
mod verification;

pub use comparison::{
    Comparison, ComparisonError, ComparisonOptions, Contrast, Failure, Identical, Quantified, Regression, Verdict,
};
pub use corpus::{CorpusOverview, SplitOverview};
pub use diagnosis::{Check, CheckStatus, Diagnosis, bytes};
pub use difference::{Difference, Method, student_quantile};
pub use machine::Machine;
pub use quantity::Direction;
pub use results::{Results, ResultsError, Side};
pub use self_test::{
    BUILTIN_CORPUS_DIGEST, SPEED_JOBS, SelfTestError, Speed, SpeedJob, TRAINING_DIGEST, builtin_corpus, measure,
    training_digest,
};
pub use status::{FailedRun, Forecast, InterruptedRun, RunningRun, Status};
pub use verification::{
    Again, Choice, Fault, Parting, VerificationError, Verified, check_files, complete_records, run_again,
};
