//! The diagnosis of a machine: limits, bits, speed.

use super::machine::Machine;
use super::self_test::{
    BUILTIN_CORPUS_DIGEST, SPEED_JOBS, Speed, TRAINING_DIGEST, builtin_corpus, measure, training_digest,
};
use crate::engine::Isa;
use crate::machine::text::Shown as _;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The memory below which even a small sweep may fail, in bytes.
const LITTLE_MEMORY: u64 = 256 << 20;
/// The free disk space below which a sweep may end early, in bytes.
const LITTLE_ROOM: u64 = 256 << 20;
/// The time for each of the sizes whose speed is measured.
const SPEED_BUDGET: Duration = Duration::from_millis(250);

/// The diagnosis of a machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    /// The version of this report.
    pub schema: u32,
    /// `true` if nothing is wrong.
    pub healthy: bool,
    /// The machine.
    pub machine: Machine,
    /// The instruction set that runs choose.
    pub isa: Isa,
    /// The checks, in order.
    pub checks: Vec<Check>,
    /// The updates a second, size by size.
    pub speed: Vec<Speed>,
}

/// A check of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The thing checked.
    pub name: &'static str,
    /// The weight of the finding.
    pub status: CheckStatus,
    /// The finding.
    pub finding: String,
    /// The remedy, if there is one.
    pub remedy: Option<String>,
}

/// The weight of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckStatus {
    /// As it should be.
    Ok,
    /// Worth knowing: results are right, but times may not be a benchmark.
    Note,
    /// Sweeps will fail, or results cannot be trusted.
    Wrong,
}

impl Check {
    fn ok(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Ok, finding: finding.into(), remedy: None }
    }

    fn note(name: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Note, finding: finding.into(), remedy: Some(remedy.into()) }
    }

    fn wrong(name: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, status: CheckStatus::Wrong, finding: finding.into(), remedy: Some(remedy.into()) }
    }
}

impl Diagnosis {
    /// The version of the report.
    pub const SCHEMA: u32 = 1;

    /// Checks the machine, the folder of the results, and a small training on every instruction set with several
    /// numbers of threads; then measures the speed. Takes about two seconds.
    pub fn make(results: &Path) -> Self {
        let (isa, isa_check) = check_isa();
        let machine = Machine::inspect(isa);
        let corpus = builtin_corpus();
        let mut checks = vec![isa_check];
        checks.push(check_processors(&machine));
        checks.push(check_load(&machine));
        checks.push(check_memory(&machine));
        checks.push(check_folder(results));
        checks.push(check_corpus(&corpus.digest));
        let threads = thread_counts(machine.environment.logical_cpus);
        let trainings = machine.isas.iter().flat_map(|&isa| threads.iter().map(move |&threads| (isa, threads)));
        let outcomes: Vec<_> = trainings
            .map(|(isa, threads)| {
                let digest = training_digest(&corpus, isa, threads).map_err(|error| error.to_string());
                (format!("{isa} with {threads} threads"), digest)
            })
            .collect();
        checks.push(check_trainings(&outcomes));
        checks.push(check_build());
        let most = machine.environment.logical_cpus;
        let jobs = SPEED_JOBS.iter().map(|&job| (job, 1));
        let jobs = jobs.chain((most > 1).then_some((SPEED_JOBS[SPEED_JOBS.len() - 1], most)));
        let speed = jobs.filter_map(|(job, threads)| measure(&corpus, job, isa, threads, SPEED_BUDGET).ok()).collect();
        let healthy = checks.iter().all(|check| check.status != CheckStatus::Wrong);
        Self { schema: Self::SCHEMA, healthy, machine, isa, checks, speed }
    }
}

/// Returns one thread, two, and as many as there are processors, each once.
fn thread_counts(processors: usize) -> Vec<usize> {
    let mut counts = vec![1, 2, processors.max(1)];
    counts.sort_unstable();
    counts.dedup();
    counts
}

fn check_isa() -> (Isa, Check) {
    let available: Vec<&str> = Isa::available().into_iter().map(Isa::name).collect();
    match Machine::chosen_isa() {
        Ok(isa) => {
            let finding = format!("{isa}, of {}", available.join(", "));
            let check = if isa == Isa::best() {
                Check::ok("instruction set", finding)
            } else {
                Check::note(
                    "instruction set",
                    finding,
                    format!(
                        "unset {}: results are the same, and {} is faster",
                        crate::engine::ISA_VARIABLE,
                        Isa::best()
                    ),
                )
            };
            (isa, check)
        }
        Err(error) => (
            Isa::best(),
            Check::wrong(
                "instruction set",
                error.to_string(),
                format!("unset {}, or name one of {}", crate::engine::ISA_VARIABLE, available.join(", ")),
            ),
        ),
    }
}

fn check_processors(machine: &Machine) -> Check {
    let usable = machine.environment.logical_cpus;
    let online = machine.online_cpus.unwrap_or(usable);
    let mut finding = format!("{usable} of {online} logical processors may be used");
    if let Some(granted) = machine.cgroup_cpus {
        finding = format!("{finding}; the control group grants the time of {granted:.2}");
        if granted < usable as f64 {
            return Check::note(
                "processors",
                finding,
                "threads beyond the grant are throttled in bursts: ask for more, or set `run.jobs` × \
                 `run.threads_per_run` to no more than it",
            );
        }
    }
    if machine.governor.as_deref() == Some("powersave") {
        finding += "; the clock's governor is powersave";
        return Check::note("processors", finding, "for benchmarks, set the governor to performance");
    }
    Check::ok("processors", finding)
}

fn check_load(machine: &Machine) -> Check {
    let Some(load) = machine.load else { return Check::ok("load", "the system does not tell") };
    let finding = format!("{load:.2} processes wanted to run in the last minute");
    if load > 0.5 * machine.environment.logical_cpus as f64 {
        Check::note("load", finding, "times measured now are not a benchmark: wait until the machine is idle")
    } else {
        Check::ok("load", finding)
    }
}

fn check_memory(machine: &Machine) -> Check {
    let Some(usable) = machine.usable_memory() else { return Check::ok("memory", "the system does not tell") };
    let finding = format!("{} available", bytes(usable));
    if usable < LITTLE_MEMORY {
        Check::wrong("memory", finding, format!("free memory: {} is the minimum", bytes(LITTLE_MEMORY)))
    } else {
        Check::ok("memory", finding)
    }
}

/// Checks that results can be written: tries in the folder itself or, if it does not exist, in the nearest above it.
fn check_folder(results: &Path) -> Check {
    const NAME: &str = "results folder";
    let absolute = std::path::absolute(results).unwrap_or_else(|_| results.to_path_buf());
    let there: PathBuf = absolute.ancestors().find(|folder| folder.exists()).unwrap_or(&absolute).to_path_buf();
    let remedy = "give a folder that can be written with --out DIR or `output.dir`";
    let written = tempfile::Builder::new().prefix(".doctor-").tempfile_in(&there).and_then(|mut file| {
        std::io::Write::write_all(&mut file, &[0; 4096])?;
        file.as_file().sync_all()
    });
    if let Err(error) = written {
        return Check::wrong(NAME, format!("{} cannot be written: {error}", there.shown()), remedy);
    }
    match free_bytes(&there) {
        Some(free) if free < LITTLE_ROOM => {
            Check::wrong(NAME, format!("{} has {} free", there.shown(), bytes(free)), remedy)
        }
        Some(free) => Check::ok(NAME, format!("{} can be written, {} free", there.shown(), bytes(free))),
        None => Check::ok(NAME, format!("{} can be written", there.shown())),
    }
}

/// Returns the bytes that a process without privileges can still write.
#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(folder).ok()?;
    space.f_bavail.checked_mul(space.f_frsize)
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

fn check_corpus(digest: &str) -> Check {
    if digest == BUILTIN_CORPUS_DIGEST {
        return Check::ok("built-in corpus", format!("as expected, digest {}", &digest[..12]));
    }
    Check::wrong(
        "built-in corpus",
        format!("its digest is {digest}, not {BUILTIN_CORPUS_DIGEST}"),
        "this build of the program is broken: build it anew from a clean checkout",
    )
}

fn check_trainings(outcomes: &[(String, Result<String, String>)]) -> Check {
    const NAME: &str = "same bits";
    let wrong: Vec<String> = outcomes
        .iter()
        .filter_map(|(setting, outcome)| match outcome {
            Ok(digest) if digest == TRAINING_DIGEST => None,
            Ok(digest) => Some(format!("{setting}: digest {digest}")),
            Err(error) => Some(format!("{setting}: {error}")),
        })
        .collect();
    if wrong.is_empty() {
        let digest = &TRAINING_DIGEST[..12];
        return Check::ok(NAME, format!("a small training gives the digest {digest} in {} settings", outcomes.len()));
    }
    Check::wrong(
        NAME,
        format!("a small training should give the digest {TRAINING_DIGEST}: {}", wrong.join("; ")),
        "results of this machine cannot be trusted: run `cargo test`, try `run.isa = \"scalar\"`, and check memory and \
         processor",
    )
}

fn check_build() -> Check {
    if cfg!(debug_assertions) {
        Check::note("build", "built for debugging", "for benchmarks, build with `cargo build --release`")
    } else {
        Check::ok("build", "optimised")
    }
}

/// Formats a number of bytes in MiB or GiB.
pub fn bytes(count: u64) -> String {
    let gibibytes = count as f64 / f64::from(1 << 30);
    if gibibytes < 1.0 { format!("{:.0} MiB", gibibytes * 1024.0) } else { format!("{gibibytes:.1} GiB") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        let mut machine = Machine::inspect(Isa::best());
        machine.environment.logical_cpus = 4;
        machine.online_cpus = Some(4);
        (machine.cgroup_cpus, machine.governor) = (None, None);
        (machine.load, machine.memory_available, machine.cgroup_memory) = (Some(0.1), Some(8 << 30), None);
        machine
    }

    #[test]
    fn each_finding_has_its_weight() {
        let status = |check: fn(&Machine) -> Check, change: fn(&mut Machine)| {
            let mut machine = machine();
            change(&mut machine);
            let check = check(&machine);
            assert_eq!(check.remedy.is_none(), check.status == CheckStatus::Ok, "{check:?}");
            check.status
        };
        assert_eq!(status(check_processors, |_| ()), CheckStatus::Ok);
        assert_eq!(status(check_processors, |machine| machine.cgroup_cpus = Some(4.0)), CheckStatus::Ok);
        assert_eq!(status(check_processors, |machine| machine.cgroup_cpus = Some(1.5)), CheckStatus::Note);
        assert_eq!(status(check_processors, |machine| machine.governor = Some("powersave".into())), CheckStatus::Note);
        assert_eq!(status(check_load, |_| ()), CheckStatus::Ok);
        assert_eq!(status(check_load, |machine| machine.load = Some(3.0)), CheckStatus::Note);
        assert_eq!(status(check_memory, |_| ()), CheckStatus::Ok);
        assert_eq!(status(check_memory, |machine| machine.cgroup_memory = Some(1 << 20)), CheckStatus::Wrong);
    }

    #[test]
    fn other_bits_are_wrong_and_named() {
        let good = || ("avx2 with 1 threads".to_owned(), Ok(TRAINING_DIGEST.to_owned()));
        assert_eq!(check_trainings(&[good()]).status, CheckStatus::Ok);
        let bad = ("scalar with 2 threads".to_owned(), Ok("0123456789abcdef".to_owned()));
        let check = check_trainings(&[good(), bad]);
        assert_eq!(check.status, CheckStatus::Wrong);
        assert!(check.finding.contains("scalar with 2 threads: digest 0123456789abcdef"), "{check:?}");
        assert!(!check.finding.contains("avx2"));
        let failed = ("avx512 with 1 threads".to_owned(), Err("not there".to_owned()));
        assert!(check_trainings(&[failed]).finding.contains("not there"));
        assert_eq!(check_corpus("0123456789abcdef").status, CheckStatus::Wrong);
        assert_eq!(check_corpus(BUILTIN_CORPUS_DIGEST).status, CheckStatus::Ok);
    }

    #[test]
    fn folders_that_cannot_be_written_are_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("not/there/yet");
        assert_eq!(check_folder(&new).status, CheckStatus::Ok);
        assert!(!new.exists(), "looking makes nothing");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(check_folder(&file.join("results")).status, CheckStatus::Wrong);
    }

    #[test]
    fn threads_are_tried_once_each() {
        assert_eq!(thread_counts(1), [1, 2]);
        assert_eq!(thread_counts(2), [1, 2]);
        assert_eq!(thread_counts(64), [1, 2, 64]);
    }
}
