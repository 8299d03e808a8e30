//! Test that the practical recipe makes music as docs/guide/music.md states, with one seed.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use support::{Bench, first_run, json};

/// In both shares, the worst of three seeds has a seventh of the difference of independent Bernoulli units. The bound
/// is a fifth.
#[test]
fn samples_have_notes_as_the_corpus_has_and_independent_units_have_not() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/practical.toml");
    let bench = Bench::new("");
    // Evaluation affects neither training nor this test.
    bench.runner(&["--config", config, "--set", "evaluate.every=200", "--out", ".", "--quiet"]).assert().success();
    let record = json(&first_run(&bench.path("practical")).join("result.json"));
    let music = &record["music"];
    let differences = |of: &str| {
        let differences = &music[of]["differences"];
        ["onset_without_attack", "one_step_notes"].map(|name| differences[name].as_f64().unwrap())
    };
    let (samples, bernoulli) = (differences("samples_distance"), differences("bernoulli_distance"));
    for (sample, independent) in samples.into_iter().zip(bernoulli) {
        assert!(sample < 0.2 * independent, "{samples:?} against {bernoulli:?}");
    }
    assert!(music["memorisation"]["copies"].as_f64().unwrap() < 0.1, "{}", music["memorisation"]);
    assert!(music["coverage"]["texture"]["reached"].as_f64().unwrap() > 0.9, "{}", music["coverage"]);
}
