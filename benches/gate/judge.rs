//! The judge of two builds.
//!
//! Each build is entered twice, as if it were two. A batch runs the four entries several times in a random order and
//! keeps the least time of every case for each entry. The two entries of one build tell how much the machine disturbed
//! this case: where they still differ by more than 3 % after some more runs, the batch calls the case inconclusive,
//! unless the head is slower beyond all of that difference. Otherwise the lesser times of the two builds are compared.
//! A case fails only where two batches, one after the other, both find it slower.

use crate::report::Report;
use anyhow::{Context, Result, bail, ensure};
use chordbench::engine::{Purpose, RowStreams, permutation};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// A head's least time over the base's, above which it counts as slower.
const SLOWER: f64 = 1.10;
/// The ratio of two entries of one build, above which the machine is too restless to judge.
const RESTLESS: f64 = 1.03;
/// The runs of each entry in a batch: the first number, and up to the second while some case is inconclusive.
const RUNS: (usize, usize) = (6, 10);

/// The promises of one build about itself: the first case takes at least that number of times as long as the second.
///
/// The bounds lie well below the measurements in docs/findings/performance.md: they fail when an optimisation is lost,
/// not when a machine has another balance of caches.
const PROMISES: [(&str, &str, f64); 6] = [
    ("update H=50 B=10 samples, dense", "update H=50 B=10 samples, packed avx2", 3.0),
    ("update H=50 B=10 samples, dense", "update H=50 B=10 samples, packed avx512", 5.0),
    ("update H=250 B=100 probabilities, dense", "update H=250 B=100 probabilities, packed avx2", 3.0),
    ("update H=250 B=100 probabilities, dense", "update H=250 B=100 probabilities, packed avx512", 4.0),
    ("update H=1024 B=100 samples, dense", "update H=1024 B=100 samples, packed avx2", 3.0),
    ("update H=1024 B=100 samples, dense", "update H=1024 B=100 samples, packed avx512", 5.0),
];

/// The finding about one case, by one batch or by two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// The head is as fast as the base, or faster.
    Fine,
    /// The head is slower.
    Slower,
    /// The machine was too restless.
    Inconclusive,
}

/// The least times of the four entries.
#[derive(Clone, Debug, Default)]
struct Batch {
    base: [Report; 2],
    head: [Report; 2],
}

impl Batch {
    /// Runs two builds in turns.
    fn run(base: &str, head: &str) -> Result<Self> {
        let mut batch = Self::default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
        let mut generator = RowStreams::new(now.as_nanos() as u64, Purpose::Shuffle, 0, 0, 0).generator(0);
        for run in 0..RUNS.1 {
            if run >= RUNS.0 && batch.common_cases().iter().all(|name| batch.finding(name) != Finding::Inconclusive) {
                break;
            }
            for entry in permutation(&mut generator, 4) {
                let (program, entries) = if entry < 2 { (base, &mut batch.base) } else { (head, &mut batch.head) };
                let report = measure(program)?;
                let entry = &mut entries[entry % 2];
                entry.commit.clone_from(&report.commit);
                entry.merge(&report);
            }
        }
        Ok(batch)
    }

    /// Returns the cases that every entry has.
    fn common_cases(&self) -> BTreeSet<String> {
        let [first, second] = [&self.base[0], &self.head[0]];
        first.minima.keys().filter(|name| second.minima.contains_key(*name)).cloned().collect()
    }

    /// Returns base and head, each by the lesser time of its entries, and the greater disagreement of two entries of
    /// one build.
    fn times(&self, name: &str) -> (f64, f64, f64) {
        let pair = |entries: &[Report; 2]| [entries[0].minima[name], entries[1].minima[name]];
        let least = |[a, b]: [f64; 2]| a.min(b);
        let disagreement = |[a, b]: [f64; 2]| a.max(b) / a.min(b);
        let (base, head) = (pair(&self.base), pair(&self.head));
        (least(base), least(head), disagreement(base).max(disagreement(head)))
    }

    fn finding(&self, name: &str) -> Finding {
        let (base, head, disagreement) = self.times(name);
        // On a restless machine the disagreement is granted to the head: a head that is slower even so is slower.
        let restless = disagreement > RESTLESS;
        let bound = if restless { SLOWER * disagreement } else { SLOWER };
        match (head / base > bound, restless) {
            (true, _) => Finding::Slower,
            (false, true) => Finding::Inconclusive,
            (false, false) => Finding::Fine,
        }
    }
}

/// Compares two builds of this program; returns true if the head may pass. Where the base has no such program, the
/// caller does not ask.
pub(crate) fn compare_builds(base: &str, head: &str) -> Result<bool> {
    let first = Batch::run(base, head)?;
    println!("base {}, head {}", first.base[0].commit, first.head[0].commit);
    let cases = first.common_cases();
    ensure!(!cases.is_empty(), "the two builds have no case in common");
    let new = first.head[0].minima.keys().filter(|name| !cases.contains(*name));
    for name in new {
        println!("nothing to compare: {name} is new");
    }
    let doubtful = cases.iter().any(|name| first.finding(name) != Finding::Fine);
    let second = if doubtful { Some(Batch::run(base, head)?) } else { None };

    let mut counts = [0usize; 3];
    for name in &cases {
        let finding = agreed(first.finding(name), second.as_ref().map(|batch| batch.finding(name)));
        counts[finding as usize] += 1;
        println!("{}", line(name, finding, &first, second.as_ref()));
    }
    let mut all = Report::default();
    for entry in [Some(&first), second.as_ref()].into_iter().flatten().flat_map(|batch| &batch.head) {
        all.merge(entry);
    }
    let kept = promises_kept(&all);
    let [fine, slower, inconclusive] = counts;
    println!("{fine} cases as fast as before, {slower} slower, {inconclusive} inconclusive");
    if inconclusive > 0 {
        println!(
            "INCONCLUSIVE: the same build against itself differs by more than {:.0} % in {inconclusive} of {} cases; \
             this machine is too restless to judge them",
            (RESTLESS - 1.0) * 100.0,
            cases.len()
        );
    }
    if slower > 0 {
        println!("FAILED: {slower} cases take more than {SLOWER} times as long as before, twice in a row");
    }
    if !kept {
        println!("FAILED: this build is not as much faster than the dense engine as promised");
    }
    Ok(slower == 0 && kept)
}

/// Returns the finding of two batches: the second is asked where the first leaves a doubt, and must share it.
fn agreed(first: Finding, second: Option<Finding>) -> Finding {
    match (first, second) {
        (Finding::Slower, Some(Finding::Slower)) => Finding::Slower,
        (Finding::Fine, _) | (_, Some(Finding::Fine)) => Finding::Fine,
        _ => Finding::Inconclusive,
    }
}

fn line(name: &str, finding: Finding, first: &Batch, second: Option<&Batch>) -> String {
    let word = match finding {
        Finding::Fine => "fine",
        Finding::Slower => "SLOWER",
        Finding::Inconclusive => "inconclusive",
    };
    let batches = [Some(first), second].into_iter().flatten().map(|batch| {
        let (base, head, disagreement) = batch.times(name);
        format!(
            "{:.1} -> {:.1} µs = {:.3} (±{:.1} %)",
            base / 1e3,
            head / 1e3,
            head / base,
            (disagreement - 1.0) * 100.0
        )
    });
    format!("{word:12} {name}: {}", batches.collect::<Vec<_>>().join("; "))
}

/// Returns true if a build keeps the [`PROMISES`] that its cases allow to judge.
fn promises_kept(head: &Report) -> bool {
    let mut kept = true;
    for (slow, fast, promised) in PROMISES {
        let (Some(slow_time), Some(fast_time)) = (head.minima.get(slow), head.minima.get(fast)) else {
            println!("not judged   {slow} / {fast}: this processor cannot run both");
            continue;
        };
        let ratio = slow_time / fast_time;
        let word = if ratio >= promised { "fine" } else { "BROKEN" };
        println!("{word:12} {slow} / {fast} = {ratio:.1}, promised at least {promised}");
        kept &= ratio >= promised;
    }
    kept
}

/// Runs one measuring process.
fn measure(program: &str) -> Result<Report> {
    let output = Command::new(program).output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("{program} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{program} printed no report"))
}

/// Checks the judge on made-up times.
pub(crate) fn check() {
    let entry = |time: f64| Report { commit: String::new(), minima: [("case".to_owned(), time)].into() };
    let finding =
        |base: [f64; 2], head: [f64; 2]| Batch { base: base.map(entry), head: head.map(entry) }.finding("case");
    assert_eq!(finding([100.0, 102.0], [109.0, 110.0]), Finding::Fine);
    assert_eq!(finding([100.0, 102.0], [111.0, 112.0]), Finding::Slower);
    assert_eq!(finding([100.0, 102.0], [50.0, 51.0]), Finding::Fine);
    assert_eq!(finding([100.0, 104.0], [100.0, 100.0]), Finding::Inconclusive);
    assert_eq!(finding([100.0, 104.0], [114.0, 114.0]), Finding::Inconclusive);
    assert_eq!(finding([100.0, 104.0], [115.0, 115.0]), Finding::Slower);
    assert_eq!(finding([100.0, 100.0], [118.0, 113.0]), Finding::Inconclusive);
    assert_eq!(finding([100.0, 100.0], [118.0, 124.0]), Finding::Slower);

    assert_eq!(agreed(Finding::Fine, None), Finding::Fine);
    assert_eq!(agreed(Finding::Slower, Some(Finding::Slower)), Finding::Slower);
    assert_eq!(agreed(Finding::Slower, Some(Finding::Fine)), Finding::Fine);
    assert_eq!(agreed(Finding::Fine, Some(Finding::Slower)), Finding::Fine);
    assert_eq!(agreed(Finding::Slower, Some(Finding::Inconclusive)), Finding::Inconclusive);
    assert_eq!(agreed(Finding::Inconclusive, Some(Finding::Slower)), Finding::Inconclusive);
    assert_eq!(agreed(Finding::Inconclusive, Some(Finding::Fine)), Finding::Fine);
}
