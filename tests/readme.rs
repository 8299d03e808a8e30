//! The README says what the program does.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The reference of the configuration is the registry's own. To update it, paste what the failure prints.
#[test]
fn the_configuration_reference_is_that_of_the_registry() {
    let readme = readme();
    let (_, rest) = readme.split_once("<!-- keys: begin -->").unwrap();
    let (keys, _) = rest.split_once("<!-- keys: end -->").unwrap();
    let expected = chordbench::sweep::keys_markdown();
    assert!(keys.trim() == expected.trim(), "the README's keys should be:\n\n{expected}");
}

/// The example sweep is a valid configuration: 2 × 3 points × 2, less 3 excluded, of 3 replicates.
#[test]
fn the_example_sweep_plans() {
    let readme = readme();
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let sweep = chordbench::sweep::Sweep::from_text(Some((Path::new("sweep.toml"), example.to_owned())), &[]).unwrap();
    let plan = sweep.plan().unwrap();
    assert_eq!(plan.runs.len(), (2 * 3 * 2 - 3) * 3);
    assert!(plan.warnings.is_empty());
}

/// Files that the README points to are there.
#[test]
fn links_lead_somewhere() {
    let readme = readme();
    let targets = readme.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let mut count = 0;
    for target in targets.filter(|target| !target.starts_with("http") && !target.starts_with('#')) {
        let file = target.split('#').next().unwrap_or(target);
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(file).exists(), "{target}");
        count += 1;
    }
    assert!(count > 5);
}
