//! Tests of training as a whole.

mod averaging;
mod exact;
mod learner;
mod resumption;
mod textbook;
