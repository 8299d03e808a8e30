//! The inspection of sweeps, results, corpora or machines. Nothing here changes what it looks at.

mod chosen_run;
mod comparison;
mod corpus;
mod doctor;
mod epochs_table;
mod results;
mod status;
mod verification;

pub use chosen_run::{BestRun, ChosenModel, ChosenRunError, find_model, find_sweep, results_folder};
pub use comparison::{
    Comparison, ComparisonError, ComparisonOptions, Contrast, Difference, Failure, Identical, Method, Quantified,
    Regression, Unpaired, Verdict, student_quantile,
};
pub use corpus::{CorpusOverview, PiecesOverview, SplitOverview};
pub use doctor::{
    BUILTIN_CORPUS_DIGEST, Check, CheckStatus, Diagnosis, Machine, SPEED_JOBS, SelfTestError, Speed, SpeedJob,
    TRAINING_DIGEST, builtin_corpus, bytes, measure, training_digest,
};
pub(crate) use epochs_table::{TIMES, epochs_table, read_epochs};
pub(crate) use results::read_plan;
pub use results::{Results, ResultsError, Side};
pub use status::{FailedRun, Forecast, InterruptedRun, RunningRun, Status};
pub use verification::{
    Again, Choice, Fault, Parting, VerificationError, Verified, check_files, complete_records, run_again,
};
