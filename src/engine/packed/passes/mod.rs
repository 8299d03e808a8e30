//! The passes that draw states: down from hidden to visible units, and whole chains up and down.

mod chains;
mod down;

pub(super) use chains::ChainPass;
pub(in crate::engine) use down::TABLES_FROM_ROWS;
pub(super) use down::{DOWN_ROWS, DownPass, DownScratch};
