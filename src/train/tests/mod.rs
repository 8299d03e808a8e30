//! Tests of training as a whole.

mod resumption;
