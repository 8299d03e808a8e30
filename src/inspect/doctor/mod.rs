//! The checks of `runner doctor`.

mod diagnosis;
mod machine;
mod self_test;

pub use diagnosis::{Check, CheckStatus, Diagnosis, bytes};
pub use machine::Machine;
pub use self_test::{
    BUILTIN_CORPUS_DIGEST, SPEED_JOBS, SelfTestError, Speed, SpeedJob, TRAINING_DIGEST, builtin_corpus, measure,
    training_digest,
};
