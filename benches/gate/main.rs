//! The performance gate: a check that this commit computes as fast as the one before.
//!
//! ```text
//! .ci/gate                                          the gate: this checkout against the commit before
//! cargo bench --bench gate                          measure this build alone
//! cargo bench --bench gate -- --test                check without measuring
//! cargo bench --bench gate -- judge BASE HEAD       compare two builds of this program
//! ```
//!
//! A build measures itself: for each case of [`cases`] the least time over many repetitions, as JSON. The judge runs
//! two builds in turns and compares the minima, see [`judge`]. Least times are what a machine shared with others can
//! still tell: a disturbance makes a repetition longer, never shorter.

mod cases;
mod judge;
mod report;

use anyhow::{Context, Result};
use std::process::ExitCode;

/// The head is slower than the base, or slower than this program promises to be.
const EXIT_SLOWER: u8 = 3;
/// The arguments, a build or its output is wrong.
const EXIT_ERROR: u8 = 2;

fn main() -> ExitCode {
    // Cargo passes `--bench`, which says nothing new.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [] => measure(),
        ["judge", base, head] => judge::compare_builds(base, head),
        _ if arguments.contains(&"--test") => {
            check();
            Ok(true)
        }
        // A filter on the benches of `cargo bench` that none of these cases answers to.
        _ => Ok(true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_SLOWER),
        Err(error) => {
            eprintln!("gate: {error:#}");
            ExitCode::from(EXIT_ERROR)
        }
    }
}

/// Measures every case and prints the report.
fn measure() -> Result<bool> {
    cases::check();
    let report = cases::measure();
    println!("{}", serde_json::to_string(&report).context("a report is plain data")?);
    Ok(true)
}

/// Checks the cases, and the judge on made-up times.
fn check() {
    cases::check();
    judge::check();
    println!("gate: cases agree with the reference engine, and the judge with its examples");
}
