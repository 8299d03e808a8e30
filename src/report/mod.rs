//! The report: the results of a sweep as one web page that needs no other file.
//!
//! [`Report`] is gathered from the folder of a sweep's results: no corpus is read and no model computed with.
//! Everything that grows with the sweep has a bound, and the page says what a bound left out. The page is
//! `assets/page.html` with its style and scripts, and the report embedded as JSON.

mod contents;
mod error;
mod music;
mod number;
mod page;
mod provenance;
mod runs;
mod sweep_results;
mod units;

pub use contents::Report;
pub use error::ReportError;

/// The name of the page in the folder of a sweep's results.
pub const FILE_NAME: &str = "report.html";
