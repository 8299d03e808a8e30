//! The comparison of made-up records with known differences.

use super::{Comparison, ComparisonError, ComparisonOptions, Contrast, Method, Quantified, Verdict};
use crate::engine::{Purpose, RowStreams, standard_normals};
use crate::inspect::results::Results;
use crate::sweep::{Direction, RunRecord};
use serde_json::{Value, json};
use std::path::PathBuf;

const PLL: &str = "validation_pseudo_log_likelihood";
const DISTANCE: &str = "sample_distance";

/// Returns a record of a run of `hidden` units with one seed.
fn record(hidden: u64, seed: u64) -> RunRecord {
    let value = json!({
        "schema": 1, "run_id": format!("{hidden}-{seed}"), "status": "ok",
        "params": {"model.hidden": hidden, "train.k": 1}, "replicate": 0, "seed": seed.to_string(),
        "corpus": {"digest": "c0ffee", "songs": 1, "windows": 1, "density": 0.1, "training_songs": 1,
            "validation_songs": 0, "test_songs": 0, "training_windows": 1, "trained_windows": 1, "validation_windows": 0,
            "files": {"used": 1, "skipped": 0, "damaged": 0, "failed": 0}, "not_whole": []},
        "metrics": {}, "music": null,
        "timing": {"total_s": 2.0, "corpus_s": 0.0, "train_s": 1.0, "evaluate_s": 0.5, "sample_s": 0.25,
            "epoch_s": {"count": 1, "median": 1.0, "min": 1.0, "mad": 0.0}, "updates_per_s": 1.0, "examples_per_s": 1.0,
            "connection_updates_per_s": 1.0, "threads": 1, "contended": false},
        "environment": {"cpu": "A", "isa": "avx2", "rustc": "", "version": "0.1.0", "git": "", "os": "linux",
            "logical_cpus": 2, "host": null},
        "artifacts": [], "digest": format!("{hidden}-{seed}"),
    });
    serde_json::from_value(value).unwrap()
}

fn results(records: Vec<RunRecord>) -> Results {
    Results { path: PathBuf::from("made-up"), planned: records.len(), records }
}

/// Records of some configurations and four seeds, changed one by one.
fn sweep(hidden: &[u64], change: impl Fn(&mut RunRecord, u64, u64)) -> Results {
    let each = hidden.iter().flat_map(|&hidden| (0..4).map(move |seed| (hidden, seed)));
    let records = each.map(|(hidden, seed)| {
        let mut record = record(hidden, seed);
        change(&mut record, hidden, seed);
        record
    });
    results(records.collect())
}

/// Returns a fixed bit of noise for a seed, of mean zero over the four.
fn noise(seed: u64) -> f64 {
    [-0.3, 0.1, 0.4, -0.2][seed as usize]
}

fn compare(a: &Results, b: &Results) -> Comparison {
    Comparison::of(a, b, &ComparisonOptions::default()).unwrap()
}

fn quantity<'a>(comparison: &'a Comparison, name: &str) -> &'a Quantified {
    let mut all = comparison.metrics.iter().chain(&comparison.times);
    all.find(|quantity| quantity.name == name).unwrap()
}

fn overall<'a>(comparison: &'a Comparison, name: &str) -> &'a Contrast {
    &quantity(comparison, name).overall
}

fn with_metric(name: &'static str, value: impl Fn(u64, u64) -> f64) -> impl Fn(&mut RunRecord, u64, u64) {
    move |record, hidden, seed| {
        record.metrics.insert(name.into(), Some(value(hidden, seed)));
    }
}

#[test]
fn a_change_for_the_worse_is_a_regression_and_one_for_the_better_is_not() {
    let before = |name| sweep(&[10, 20], with_metric(name, |_, seed| -100.0 + 10.0 * noise(seed)));
    // The seeds share the noise, so a paired difference of 10 is beyond doubt.
    let after = |name, shift: f64| {
        sweep(&[10, 20], with_metric(name, move |_, seed| -100.0 + 10.0 * noise(seed) + shift + 0.01 * noise(3 - seed)))
    };
    for (name, shift, expected) in [
        (PLL, -10.0, Verdict::Regression),
        (PLL, 10.0, Verdict::Within),
        (PLL, -1.0, Verdict::Within),
        (DISTANCE, 10.0, Verdict::Regression),
        (DISTANCE, -10.0, Verdict::Within),
        ("train_free_energy", 10.0, Verdict::NotJudged),
    ] {
        let comparison = compare(&before(name), &after(name, shift));
        let contrast = overall(&comparison, name);
        assert_eq!(contrast.verdict, expected, "{name} {shift}: {contrast:?}");
        assert!((contrast.change - shift).abs() < 1e-9 && (contrast.a + 100.0).abs() < 1e-9, "{contrast:?}");
        assert_eq!(contrast.method, Method::OverReplicates);
        assert_eq!(comparison.is_regression(), expected == Verdict::Regression);
        let places: Vec<Option<usize>> =
            comparison.regressions.iter().map(|regression| regression.configuration).collect();
        let all = [None, Some(0), Some(1)];
        assert_eq!(places, if expected == Verdict::Regression { &all[..] } else { &[] }, "{name} {shift}");
    }
    // A threshold in the metric's own unit takes the place of the share.
    for (threshold, expected) in [(0.5, Verdict::Regression), (1.5, Verdict::Within)] {
        let options = ComparisonOptions { thresholds: [(PLL.to_owned(), threshold)].into(), ..Default::default() };
        let comparison = Comparison::of(&before(PLL), &after(PLL, -1.0), &options).unwrap();
        assert_eq!(overall(&comparison, PLL).verdict, expected, "{threshold}");
        assert!(quantity(&comparison, PLL).absolute);
    }
}

#[test]
fn one_configuration_alone_can_be_a_regression() {
    let value = |hidden, seed, shift| if hidden == 20 { 1.0 + shift } else { 1.0 } + 0.001 * noise(seed);
    let a = sweep(&[10, 20, 30], with_metric(DISTANCE, move |hidden, seed| value(hidden, seed, 0.0)));
    let b = sweep(&[10, 20, 30], with_metric(DISTANCE, move |hidden, seed| value(hidden, 3 - seed, 0.12)));
    let comparison = compare(&a, &b);
    let verdicts: Vec<Verdict> = quantity(&comparison, DISTANCE).configurations.iter().map(|own| own.verdict).collect();
    assert_eq!(verdicts, [Verdict::Within, Verdict::Regression, Verdict::Within]);
    assert_eq!(overall(&comparison, DISTANCE).verdict, Verdict::Within, "4 % over all");
    assert_eq!(comparison.configurations[1]["model.hidden"], 20);
    assert_eq!(comparison.regressions.len(), 1);
}

#[test]
fn noise_is_unclear_and_no_regression() {
    // 20 % worse on the average, but by as much better and worse from seed to seed.
    let a = sweep(&[10], with_metric(DISTANCE, |_, _| 1.0));
    let b = sweep(&[10], with_metric(DISTANCE, |_, seed| 1.2 + 2.0 * noise(seed)));
    let comparison = compare(&a, &b);
    assert_eq!(overall(&comparison, DISTANCE).verdict, Verdict::Unclear);
    assert!(!comparison.is_regression());
    let [low, high] = overall(&comparison, DISTANCE).interval.unwrap();
    assert!(low < 0.0 && high > 0.4);
    // A single replicate has no interval at all.
    let single = |value: f64| {
        let mut record = record(10, 0);
        record.metrics.insert(DISTANCE.into(), Some(value));
        results(vec![record])
    };
    let comparison = compare(&single(1.0), &single(9.0));
    let contrast = overall(&comparison, DISTANCE);
    assert_eq!(
        (contrast.verdict, contrast.interval, contrast.method),
        (Verdict::Unclear, None, Method::SingleReplicate)
    );
    assert!(!comparison.is_regression());
}

/// Where nothing differs but noise, a verdict of regression is rare however much is compared: 300 comparisons of six
/// configurations and five metrics with the threshold 0, seed 11. The chance of any false alarm is below 0.025 in each,
/// so more than 20 of 300 come up with a probability under 1e-4 in a right program; without the correction it would be
/// most.
#[test]
fn many_comparisons_raise_no_more_false_alarms_than_one() {
    let mut generator = RowStreams::new(11, Purpose::Baseline, 0, 0, 0).generator(0);
    let mut normals = vec![0.0; 2 * 6 * 4 * 5];
    let options = ComparisonOptions { threshold: 0.0, ..ComparisonOptions::default() };
    let judged = [
        DISTANCE,
        PLL,
        "train_pseudo_log_likelihood",
        "validation_log_likelihood_ais_per_step",
        "test_log_likelihood_exact",
    ];
    let mut alarms = 0;
    for _ in 0..300 {
        standard_normals(&mut generator, &mut normals);
        let side = |side: usize| {
            sweep(&[1, 2, 3, 4, 5, 6], |record, hidden, seed| {
                for (metric, name) in judged.into_iter().enumerate() {
                    let place = ((side * 6 + hidden as usize - 1) * 4 + seed as usize) * 5 + metric;
                    record.metrics.insert(name.into(), Some(5.0 + normals[place]));
                }
            })
        };
        let comparison = Comparison::of(&side(0), &side(1), &options).unwrap();
        assert_eq!(comparison.judged, [5 + 4, 6 * (5 + 4)]);
        alarms += usize::from(comparison.is_regression());
    }
    assert!(alarms <= 20, "{alarms} of 300");
}

#[test]
fn runs_pair_by_the_parameters_that_both_have() {
    let a = sweep(&[10, 20, 30], |record, hidden, _| {
        record.params.insert("train.old".into(), 1.into());
        record.metrics.insert(DISTANCE.into(), Some(hidden as f64));
    });
    let b = sweep(&[20, 30, 40, 50], |record, hidden, _| {
        record.params.insert("train.new".into(), hidden.into());
        record.metrics.insert(DISTANCE.into(), Some(hidden as f64));
    });
    let comparison = compare(&a, &b);
    let hidden: Vec<&Value> = comparison.configurations.iter().map(|own| &own["model.hidden"]).collect();
    assert_eq!(hidden, [20, 30]);
    assert_eq!(comparison.unmatched, [1, 2]);
    assert_eq!(comparison.unshared, [vec!["train.old".to_owned()], vec!["train.new".to_owned()]]);
    assert_eq!(overall(&comparison, DISTANCE).change, 0.0);
    assert!(comparison.identical.impossible.unwrap().contains("`train.new`"));
}

#[test]
fn what_sets_the_two_apart_is_named_and_not_paired_by() {
    let a = sweep(&[10, 20], with_metric(DISTANCE, |_, seed| 1.0 + noise(seed)));
    let b = sweep(&[10, 20], |record, _, seed| {
        record.params.insert("train.k".into(), 5.into());
        record.metrics.insert(DISTANCE.into(), Some(2.0 + noise(seed)));
    });
    let comparison = compare(&a, &b);
    assert_eq!(comparison.apart["train.k"], [Value::from(1), Value::from(5)]);
    assert_eq!((comparison.configurations.len(), overall(&comparison, DISTANCE).change), (2, 1.0));
    assert!(comparison.identical.impossible.unwrap().contains("`train.k`"));
}

#[test]
fn what_cannot_be_compared_says_why() {
    let why = |a: &Results, b: &Results| Comparison::of(a, b, &ComparisonOptions::default()).unwrap_err().to_string();
    let a = sweep(&[10], |_, _, _| ());
    let other_corpus = sweep(&[10], |record, _, _| record.corpus.as_mut().unwrap().digest = "decaf".into());
    assert!(why(&a, &other_corpus).contains("different corpora (digests c0ffee and decaf)"));
    let disjoint = why(&sweep(&[10, 20], |_, _, _| ()), &sweep(&[30, 40], |_, _, _| ()));
    assert!(disjoint.contains("`model.hidden` is 10, 20 in A and 30, 40 in B"), "{disjoint}");
    assert!(why(&a, &results(vec![])).contains("B, made-up, has no complete run"));
    let options = ComparisonOptions { metrics: vec!["train_err".into()], ..ComparisonOptions::default() };
    let unknown = Comparison::of(&a, &a, &options).unwrap_err();
    assert!(matches!(unknown, ComparisonError::UnknownMetric { .. }));
    assert!(unknown.to_string().contains("`train_err`") && unknown.to_string().contains("train_s"), "{unknown}");
}

type Change = fn(&mut RunRecord);

#[test]
fn times_are_ratios_of_comparable_runs() {
    let timed = |factor: f64| {
        move |record: &mut RunRecord, hidden: u64, seed: u64| {
            record.timing.train_s = factor * hidden as f64 * (1.0 + noise(seed));
        }
    };
    let a = sweep(&[10, 20], timed(1.0));
    let comparison = compare(&a, &sweep(&[10, 20], timed(1.5)));
    let contrast = overall(&comparison, "train_s");
    assert!((contrast.change - 1.5).abs() < 1e-12, "{contrast:?}");
    // Noise that the seeds share cancels: the interval is a point.
    assert!(contrast.interval.unwrap().iter().all(|bound| (bound - 1.5).abs() < 1e-9));
    assert_eq!(contrast.verdict, Verdict::Regression);
    assert_eq!(overall(&comparison, "sample_s").verdict, Verdict::Within);
    assert_eq!(overall(&compare(&a, &sweep(&[10, 20], timed(0.5))), "train_s").verdict, Verdict::Within);
    // The threshold is a share of A's time.
    for (threshold, expected) in [(0.49, Verdict::Regression), (0.51, Verdict::Within)] {
        let options = ComparisonOptions { threshold, ..ComparisonOptions::default() };
        let comparison = Comparison::of(&a, &sweep(&[10, 20], timed(1.5)), &options).unwrap();
        assert_eq!(overall(&comparison, "train_s").verdict, expected, "{threshold}");
        assert!((quantity(&comparison, "train_s").threshold.unwrap() - threshold).abs() < 1e-12);
    }
    let changes: [(&str, Change); 4] = [
        ("the processor is another: A in A, B in B", |record| record.environment.cpu = "B".into()),
        ("the instruction set is another: avx2 in A, scalar in B", |record| record.environment.isa = "scalar".into()),
        ("the number of threads is another: 1 in A, 2 in B", |record| record.timing.threads = 2),
        ("runs of B shared the machine", |record| record.timing.contended = true),
    ];
    for (reason, change) in changes {
        let comparison = compare(
            &a,
            &sweep(&[10, 20], |record, hidden, _| {
                if hidden == 10 {
                    change(record);
                }
            }),
        );
        let (found, count) = comparison.times_left_out.first_key_value().unwrap();
        assert!(found.contains(reason) && *count == 1, "{found}");
        assert_eq!(overall(&comparison, "train_s").values, [4, 4], "the other configuration is still compared");
    }
}

#[test]
fn bits_and_failures_are_compared_run_by_run() {
    let a = sweep(&[10, 20], |_, _, _| ());
    let b = sweep(&[10, 20], |record, hidden, seed| {
        if hidden == 10 && seed < 3 {
            record.digest = "other".into();
        }
        if hidden == 20 && seed == 1 {
            let failed = json!({"status": "failed"});
            record.status = serde_json::from_value(failed["status"].clone()).unwrap();
            record.error = Some("diverged".into());
        }
    });
    let comparison = compare(&a, &b);
    assert_eq!((comparison.identical.same, comparison.identical.of), (5, 8));
    assert_eq!(comparison.newly_failed.len(), 1);
    assert_eq!(comparison.newly_failed[0].error.as_deref(), Some("diverged"));
    assert!(comparison.is_regression());
    assert!(!compare(&b, &a).is_regression(), "what failed before and no longer does is none");
    assert_eq!(comparison.b.failed, 1);
}

#[test]
fn what_is_undefined_is_left_out_and_counted() {
    let a = sweep(&[10], with_metric(DISTANCE, |_, seed| 1.0 + noise(seed)));
    let b = sweep(&[10], |record, _, seed| {
        let value = 1.0 + noise(seed);
        record.metrics.insert(DISTANCE.into(), [Some(value), None, Some(f64::NAN), Some(value)][seed as usize]);
    });
    let comparison = compare(&a, &b);
    assert_eq!(quantity(&comparison, DISTANCE).undefined, [0, 2]);
    let contrast = overall(&comparison, DISTANCE);
    assert_eq!((contrast.method, contrast.change, contrast.values), (Method::PairedT, 0.0, [4, 2]));
    // A metric that is undefined in all of a side is not compared.
    let nowhere = sweep(&[10], |record, _, _| {
        record.metrics.insert(DISTANCE.into(), None);
    });
    assert!(compare(&a, &nowhere).metrics.is_empty());
}

#[test]
fn only_what_the_registry_says_is_judged() {
    let names = [PLL, DISTANCE, "free_energy_gap", "sample_copies", "ais_effective_sample_size", "no_such_metric"];
    let planted = |factor: f64| {
        sweep(&[10], move |record, _, seed| {
            for name in names {
                record.metrics.insert(name.into(), Some(factor * (10.0 + noise(seed))));
            }
        })
    };
    let comparison = compare(&planted(1.0), &planted(2.0));
    let seen = names.map(|name| {
        let quantity = quantity(&comparison, name);
        (quantity.direction, quantity.is_judged(), quantity.overall.verdict == Verdict::NotJudged)
    });
    let expected = [
        (Direction::Higher, true, false),
        (Direction::Lower, true, false),
        (Direction::Lower, false, true),
        (Direction::Lower, false, true),
        (Direction::Higher, false, true),
        (Direction::Neither, false, true),
    ];
    assert_eq!(seen, expected);
}

/// Samples of more steps lie elsewhere: their metrics are shown and not judged. Metrics of the model still are.
#[test]
fn metrics_of_samples_are_not_compared_across_samplings() {
    let worse = |steps: u64| {
        sweep(&[10, 20], move |record, hidden, seed| {
            let change = if steps == 5 { 0.0 } else { 10.0 };
            record.params.insert("sample.steps".into(), steps.into());
            with_metric(DISTANCE, move |_, seed| 1.0 + change + 0.01 * noise(seed))(record, hidden, seed);
            with_metric(PLL, move |_, seed| -100.0 - change + 0.01 * noise(seed))(record, hidden, seed);
        })
    };
    let comparison = compare(&worse(5), &worse(500));
    assert_eq!(comparison.sampled_apart, ["sample.steps"]);
    assert!(quantity(&comparison, DISTANCE).contrasts().all(|own| own.verdict == Verdict::NotComparable));
    assert_eq!(overall(&comparison, PLL).verdict, Verdict::Regression);
    assert!(comparison.regressions.iter().all(|regression| regression.name == PLL));
    assert_eq!(comparison.judged[0], 1 + comparison.times.len(), "the metric of the model and the times");
    // Another tempo changes files, and no metric.
    let tempo = |tempo: u64| {
        sweep(&[10], move |record, hidden, seed| {
            record.params.insert("sample.tempo".into(), tempo.into());
            with_metric(DISTANCE, |_, seed| 1.0 + 0.01 * noise(seed))(record, hidden, seed);
        })
    };
    let comparison = compare(&tempo(90), &tempo(120));
    assert_eq!(overall(&comparison, DISTANCE).verdict, Verdict::Within);
}
