//! Tests of training as a whole.

mod averaging;
mod exact;
mod resumption;
mod tempering;
mod textbook;
