//! The README: its length and its examples.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use chordbench::sweep::{Plan, SweepConfig};
use std::path::Path;

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Returns the plans of a page's blocks of TOML, in order.
fn plans(name: &str) -> Vec<Plan> {
    let page = page(name);
    let blocks = page.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0.to_owned());
    let sweeps = blocks.map(|text| SweepConfig::from_text(Some((Path::new("sweep.toml"), text)), &[]).unwrap());
    sweeps.map(|sweep| sweep.plan().unwrap()).collect()
}

#[test]
fn the_readme_has_at_most_150_lines() {
    assert!(page("README.md").lines().count() <= 150);
}

/// The example has twelve lines: 2 × 3 points × 2, of 3 replicates.
#[test]
fn the_example_of_the_readme_plans() {
    let plans = plans("README.md");
    let [plan] = &plans[..] else { panic!("{} examples", plans.len()) };
    assert_eq!(plan.runs.len(), 2 * 3 * 2 * 3);
    assert!(plan.warnings.is_empty());
    let page = page("README.md");
    let example = page.split("```toml\n").nth(1).unwrap().split_once("```").unwrap().0;
    assert_eq!(example.lines().count(), 12);
}

/// The first example of the guide is 2 × 3 points × 2, less 3 excluded, of 3 replicates; then come one with tags, 20
/// random points, the halving of one and two included ones.
#[test]
fn the_examples_of_the_guide_plan() {
    let plans = plans("docs/guide/sweeps.md");
    assert_eq!(plans.iter().map(|plan| plan.runs.len()).collect::<Vec<_>>(), [(2 * 3 * 2 - 3) * 3, 1, 20, 1, 2]);
    assert!(plans.iter().all(|plan| plan.warnings.is_empty()));
}
