//! The time that a sweep of ten thousand runs takes to plan and to look at: `cargo bench --bench folders`.
//!
//! Each command is a process of its own, from its start to its end, with the files in the system's cache; the fastest
//! and the median of seven count. The goal is a second each. `--test` calls each once.

#[path = "support/folders.rs"]
mod folders;

use folders::{Folders, RUNS};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { 7 };
    let sweep = Folders::planned(Path::new(env!("CARGO_BIN_EXE_runner")))?;
    println!("{RUNS} runs                    fastest, s   median, s");
    time(&sweep, rounds, "plan", &["plan", "--config", "many.toml"], ", 10000 runs: ")?;
    time(&sweep, rounds, "plan --json", &["plan", "--config", "many.toml", "--json"], "\"index\":9999")?;
    time(&sweep, rounds, "status, none complete", &["status", "results/many"], ": 0 of 10000 runs done")?;
    sweep.complete(0..RUNS / 2)?;
    time(&sweep, rounds, "status, half complete", &["status", "results/many"], ": 5000 of 10000 runs done")?;
    sweep.complete(RUNS / 2..RUNS)?;
    time(&sweep, rounds, "status, all complete", &["status", "results/many"], ": 10000 of 10000 runs done")?;
    Ok(())
}

/// Times a command and checks that it prints what it should.
fn time(sweep: &Folders, rounds: usize, name: &str, arguments: &[&str], expected: &str) -> Result<(), Box<dyn Error>> {
    let mut seconds = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        let output = String::from_utf8(sweep.call(arguments)?)?;
        seconds.push(start.elapsed().as_secs_f64());
        assert!(output.contains(expected), "{name} prints no `{expected}`");
    }
    seconds.sort_by(f64::total_cmp);
    println!("{name:28} {:12.3} {:11.3}", seconds[0], seconds[rounds / 2]);
    Ok(())
}
