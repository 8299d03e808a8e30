//! The runs of a report, with their axes, columns, curves.

mod axis;
mod column;
mod curve;
mod glossary;
mod list;
mod rungs;

pub(super) use axis::{Axis, axes_of, points_of};
pub(super) use column::{Column, columns_of};
pub(super) use curve::Curves;
pub(super) use glossary::{Term, term};
pub(super) use list::{Runs, Totals};
pub(super) use rungs::Rungs;
