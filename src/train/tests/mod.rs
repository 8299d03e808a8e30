//! Tests of training as a whole.

mod exact;
mod resumption;
mod tempering;
mod textbook;
