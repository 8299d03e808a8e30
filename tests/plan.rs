//! Tests of the plan of a configuration: points in order, with values, seeds, identities.

use chordbench::engine::{Purpose, derive_seed};
use chordbench::model::ModelKind;
use chordbench::model::VisibleBias;
use chordbench::music::{Compat, Plane};
use chordbench::sweep::{KEYS, Kind, Parallelism, Plan, Role, Shard, SweepConfig};
use chordbench::train::{Batches, Method, PositiveSample, StatisticsKind};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const DIGEST: &str = "0123456789abcdef";

fn sweep(text: &str, sets: &[&str]) -> SweepConfig {
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    let file = Some((Path::new("lists/sweep.toml"), text.to_owned()));
    SweepConfig::from_text(file, &sets).unwrap_or_else(|errors| panic!("{errors}"))
}

fn plan(text: &str, sets: &[&str]) -> Plan {
    sweep(text, sets).plan().unwrap_or_else(|errors| panic!("{errors}"))
}

/// Returns the values of some keys, one row a run.
fn values(plan: &Plan, keys: &[&str]) -> Vec<Value> {
    let row = |run: &chordbench::sweep::RunSpec| keys.iter().map(|key| run.point.settings.get(key).clone()).collect();
    plan.runs.iter().map(row).collect()
}

fn ids(plan: &Plan) -> Vec<String> {
    plan.runs.iter().map(|run| run.run_id(DIGEST)).collect()
}

#[test]
fn without_an_axis_there_is_one_point() {
    let plan = plan("", &[]);
    assert_eq!((plan.points.len(), plan.runs.len(), plan.name.as_str()), (1, 1, "sweep"));
    assert!(plan.swept.is_empty());
    assert_eq!(plan.runs[0].seed, derive_seed(42, Purpose::Replicate, 0));
    let sweep = SweepConfig::load(None, &[]).unwrap();
    assert_eq!(sweep.results_dir(), Path::new("results/sweep"));
    assert_eq!((sweep.jobs, sweep.threads_per_run), (Parallelism::Auto, Parallelism::Auto));
}

#[test]
fn the_last_axis_of_a_grid_varies_fastest() {
    let text = "[sweep.grid]\n\"train.k\" = [5, 1]\n\"model.hidden\" = [10, 20]\n";
    let plan = plan(text, &[]);
    assert_eq!(plan.swept, ["train.k", "model.hidden"]);
    let expected = [json!([5, 10]), json!([5, 20]), json!([1, 10]), json!([1, 20])];
    assert_eq!(values(&plan, &["train.k", "model.hidden"]), expected);
    let shown: Vec<String> = plan.swept_values(&plan.runs[2]).map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(shown, ["train.k=1", "model.hidden=10"]);
}

#[test]
fn keys_may_be_quoted_dotted_or_nested() {
    let quoted = plan("[sweep.grid]\n\"train.k\" = [1, 5]\n\"model.hidden\" = [3, 4]\n", &[]);
    for text in [
        "[sweep.grid]\ntrain.k = [1, 5]\nmodel.hidden = [3, 4]\n",
        "sweep.grid.train.k = [1, 5]\nsweep.grid.model.hidden = [3, 4]\n",
        "[sweep.grid.train]\nk = [1, 5]\n[sweep.grid.model]\nhidden = [3, 4]\n",
        "sweep = { grid = { \"train.k\" = [1, 5], model = { hidden = [3, 4] } } }\n",
    ] {
        assert_eq!(ids(&plan(text, &[])), ids(&quoted), "{text}");
    }
    let sets = ["sweep.grid.train.k=[1, 5]", "sweep.grid.\"model.hidden\"=[3,4]"];
    assert_eq!(ids(&plan("", &sets)), ids(&quoted));
}

#[test]
fn zips_walk_together_and_multiply_with_the_grid() {
    let text = r#"
        [[sweep.zip]]
        "model.hidden" = [10, 20]
        "train.learning_rate" = [0.1, 0.2]
        [[sweep.zip]]
        "train.epochs" = [1, 2]
        [sweep.grid]
        "train.k" = [1, 5]
    "#;
    let plan = plan(text, &[]);
    assert_eq!(plan.swept, ["train.k", "model.hidden", "train.learning_rate", "train.epochs"]);
    let rows = values(&plan, &["train.k", "model.hidden", "train.learning_rate", "train.epochs"]);
    assert_eq!(rows.len(), 8);
    assert_eq!(rows[..3], [json!([1, 10, 0.1, 1]), json!([1, 10, 0.1, 2]), json!([1, 20, 0.2, 1])]);
    assert_eq!(rows[7], json!([5, 20, 0.2, 2]));
}

#[test]
fn spaced_axes_hit_the_numbers_one_would_write() {
    let text = r#"
        [sweep.grid]
        "train.learning_rate" = { logspace = [1e-4, 1e-1], count = 4 }
        "train.k" = { logspace = [1, 100], count = 3 }
        "train.momentum" = { linspace = [0.9, 0.1], count = 5 }
    "#;
    let plan = plan(text, &[]);
    assert_eq!(plan.points.len(), 4 * 3 * 5);
    let of = |key: &str, step: usize, count: usize| -> Vec<Value> {
        (0..count).map(|index| plan.points[index * step].settings.get(key).clone()).collect()
    };
    assert_eq!(of("train.learning_rate", 15, 4), [json!(1e-4), json!(1e-3), json!(1e-2), json!(1e-1)]);
    assert_eq!(of("train.k", 5, 3), [json!(1), json!(10), json!(100)]);
    assert_eq!(of("train.momentum", 1, 5), [json!(0.9), json!(0.7), json!(0.5), json!(0.3), json!(0.1)]);
}

#[test]
fn inclusions_add_points_and_exclusions_drop_combinations() {
    let text = r#"
        [train]
        epochs = 7
        [sweep.grid]
        "train.k" = [1, 5]
        "model.hidden" = [10, 20]
        [[sweep.exclude]]
        "train.k" = 5
        "model.hidden" = 20
        [[sweep.include]]
        "train.k" = 5
        "model.hidden" = 20
        "train.epochs" = 9
        [[sweep.include]]
        "train.k" = 1
        "model.hidden" = 10
    "#;
    let plan = plan(text, &[]);
    let rows = values(&plan, &["train.k", "model.hidden", "train.epochs"]);
    assert_eq!(rows, [json!([1, 10, 7]), json!([1, 20, 7]), json!([5, 10, 7]), json!([5, 20, 9])]);
    assert_eq!(plan.merged, 1, "the second inclusion is a point of the grid");
    assert_eq!(plan.swept, ["train.k", "model.hidden", "train.epochs"]);
    assert!(plan.warnings.is_empty());
}

#[test]
fn inclusions_alone_are_the_only_points() {
    let plan = plan("[[sweep.include]]\n\"train.k\" = 5\n[[sweep.include]]\n\"train.k\" = 9\n", &[]);
    assert_eq!(values(&plan, &["train.k"]), [json!([5]), json!([9])]);
}

#[test]
fn replicates_of_a_point_stand_together_and_share_seeds_across_points() {
    let plan = plan("[replicates]\ncount = 3\nseed = \"7\"\n[sweep.grid]\n\"train.k\" = [1, 5]\n", &[]);
    let rows: Vec<_> = plan.runs.iter().map(|run| (run.index, run.point_index, run.replicate, run.seed)).collect();
    let seed = |replicate| derive_seed(7, Purpose::Replicate, replicate);
    assert_eq!(rows[1], (1, 0, 1, seed(1)));
    assert_eq!(rows[3], (3, 1, 0, seed(0)));
    assert_eq!(rows.len(), 6);
}

#[test]
fn random_points_depend_on_seed_and_index_alone() {
    let range = "\"train.learning_rate\" = { log-uniform = [1e-4, 0.1] }";
    let random = |count: usize, more: &str| format!("[sweep.random]\ncount = {count}\n{more}\n{range}\n");
    let key = ["train.learning_rate"];
    let ten = values(&plan(&random(10, ""), &[]), &key);
    assert_eq!(ten.len(), 10);
    assert_eq!(values(&plan(&random(4, ""), &[]), &key), ten[..4]);
    let with_more = plan(&random(10, "\"model.hidden\" = { uniform = [5, 50] }"), &[]);
    assert_eq!(values(&with_more, &key), ten);
    assert_ne!(values(&plan(&random(10, ""), &["replicates.seed=1"]), &key), ten);
    assert_eq!(values(&plan(&random(10, ""), &["replicates.count=2", "run.jobs=1"]), &key).len(), 20);
    // The values are pinned, so that a sweep planned later is the same.
    assert_eq!(ten[..3], [0.00189378, 0.0835917, 0.000488935].map(|rate| json!([rate])));
}

/// Seed 42; each of the checks of a share fails by chance with a probability below 1e-6.
#[test]
fn random_values_fill_their_ranges() {
    let text = r#"
        [sweep.random]
        count = 4000
        "train.learning_rate" = { log-uniform = [1e-4, 1e-2] }
        "train.momentum" = { uniform = [0.2, 0.6] }
        "train.k" = { uniform = [1, 3] }
        "train.epochs" = { log-uniform = [1, 100] }
        "train.method" = { choice = ["cd", "pcd"] }
    "#;
    let plan = plan(text, &[]);
    let numbers = |key: &str| -> Vec<f64> {
        let points = plan.points.iter();
        points.map(|point| point.settings.get(key).as_f64().unwrap()).collect()
    };
    let share = |key: &str, below: f64| {
        let numbers = numbers(key);
        numbers.iter().filter(|&&number| number < below).count() as f64 / numbers.len() as f64
    };
    let range =
        |key: &str| numbers(key).into_iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)));
    // 0.04 is five standard errors of a share of one half.
    assert!((share("train.learning_rate", 1e-3) - 0.5).abs() < 0.04);
    assert!((share("train.momentum", 0.4) - 0.5).abs() < 0.04);
    assert!((share("train.k", 1.5) - 1.0 / 3.0).abs() < 0.04);
    assert_eq!(range("train.k"), (1.0, 3.0));
    assert!(range("train.learning_rate").0 >= 1e-4 && range("train.learning_rate").1 <= 1e-2);
    assert!(range("train.epochs").0 >= 1.0 && range("train.epochs").1 <= 100.0);
    let persistent = plan.points.iter().filter(|point| point.parameters.train.method == Method::Pcd);
    assert!((persistent.count() as f64 / 4000.0 - 0.5).abs() < 0.04);
}

#[test]
fn random_points_multiply_with_the_grid() {
    let text = r#"
        [sweep.random]
        count = 3
        "train.learning_rate" = { uniform = [0.1, 0.2] }
        [sweep.grid]
        "train.k" = [1, 5]
    "#;
    let rows = values(&plan(text, &[]), &["train.k", "train.learning_rate"]);
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[1][1], rows[4][1], "the same draws for every value of the grid");
    assert_eq!(rows[1][0], 1);
}

#[test]
fn an_argument_holds_in_every_run() {
    let text = r#"
        [train]
        k = 2
        [sweep.grid]
        "train.k" = [1, 5]
        "model.hidden" = [10, 20]
        [[sweep.zip]]
        "train.epochs" = [3, 4]
        "train.learning_rate" = [0.1, 0.2]
        [[sweep.include]]
        "train.k" = 9
        "train.epochs" = 8
    "#;
    let keys = ["train.k", "model.hidden", "train.epochs", "train.learning_rate"];
    assert_eq!(plan(text, &[]).points.len(), 9);
    let fixed = values(&plan(text, &["train.k=7"]), &keys);
    assert_eq!(fixed.len(), 5);
    assert!(fixed.iter().all(|row| row[0] == 7));
    let zip = values(&plan(text, &["train.epochs=6", "model.hidden=10"]), &keys);
    let expected = [[1.0, 0.1], [1.0, 0.2], [5.0, 0.1], [5.0, 0.2], [9.0, 0.005]];
    for (row, [k, rate]) in zip.iter().zip(expected) {
        assert_eq!((row[0].as_f64(), row[2].as_f64(), row[3].as_f64()), (Some(k), Some(6.0), Some(rate)));
    }
    // An axis replaces that of the file, and a later argument an earlier one.
    assert_eq!(plan(text, &["sweep.grid.train.k=[1, 2, 3]"]).points.len(), 3 * 2 * 2 + 1);
    assert_eq!(plan(text, &["sweep.grid.train.epochs=[1, 2, 3]"]).points.len(), 2 * 2 * 2 * 3 + 1);
    let last = plan(text, &["train.k=7", "sweep.grid.train.k=[1, 2, 3]", "train.k=8"]);
    assert_eq!(last.points.len(), 5);
    assert!(last.points.iter().all(|point| point.parameters.train.k == 8));
    assert_eq!(plan(text, &["sweep.include=[]", "sweep.zip=[]"]).points.len(), 4);
}

#[test]
fn arguments_are_toml_or_bare_words() {
    let parameters = |sets: &[&str]| plan("", sets).runs[0].parameters().clone();
    assert_eq!(parameters(&["train.method=pcd"]).train.method, Method::Pcd);
    assert_eq!(parameters(&["train.method='pcd'"]).train.method, Method::Pcd);
    assert_eq!(parameters(&["train.learning_rate = 1e-3"]).train.learning_rate, 0.001);
    assert_eq!(parameters(&["train.learning_rate=1"]).train.learning_rate, 1.0);
    assert_eq!(parameters(&["corpus.planes=[\"onset\"]"]).corpus.planes, [Plane::Onset]);
    assert_eq!(parameters(&["corpus.path=My Music/a=b"]).corpus.path, Some(PathBuf::from("My Music/a=b")));
    assert_eq!(parameters(&["corpus.path=../data"]).corpus.path, Some(PathBuf::from("../data")));
    assert_eq!(parameters(&["corpus.path=[demo] songs"]).corpus.path, Some(PathBuf::from("[demo] songs")));
    assert_eq!(parameters(&["corpus.path={a} songs"]).corpus.path, Some(PathBuf::from("{a} songs")));
    assert_eq!(plan("", &["name=monday-2"]).name, "monday-2");
}

#[test]
fn paths_start_from_the_file_or_the_working_directory() {
    let path = |text: &str| plan(text, &[]).runs[0].parameters().corpus.path.clone();
    assert_eq!(path("corpus.path = \"music\""), Some(PathBuf::from("lists/music")));
    assert_eq!(path("corpus.path = \"/music\""), Some(PathBuf::from("/music")));
    assert_eq!(sweep("output.dir = \"out\"", &[]).results_dir(), Path::new("out/sweep"));
    // The home folder of the user, in files and arguments; a name that starts with a tilde is one of the folder.
    let home = std::env::home_dir().unwrap();
    assert_eq!(path("corpus.path = \"~/music\""), Some(home.join("music")));
    assert_eq!(path("corpus.path = \"~\""), Some(home.clone()));
    assert_eq!(path("corpus.path = \"~music\""), Some(PathBuf::from("lists/~music")));
    assert_eq!(plan("", &["corpus.path=~/music"]).runs[0].parameters().corpus.path, Some(home.join("music")));
    assert_eq!(sweep("output.dir = \"~/out\"", &[]).results_dir(), home.join("out/sweep"));
}

#[test]
fn the_readings_change_defaults_and_no_more() {
    let corpus = |text: &str| plan(text, &[]).runs[0].parameters().corpus.clone();
    let seed = corpus("corpus.compat = \"seed\"");
    assert_eq!((seed.compat, seed.drums, seed.min_steps, seed.validation), (Compat::Seed, true, 51, 0.0));
    assert_eq!(seed.metres, [2, 4]);
    let own = corpus("[corpus]\ncompat = \"seed\"\ndrums = false\nmetres = []\nmin_steps = 1\nvalidation = 0.2\n");
    assert_eq!((own.drums, own.metres.len(), own.min_steps, own.validation), (false, 0, 1, 0.2));
    let data_set = corpus("corpus.path = \"Nottingham.JSON\"");
    assert_eq!((data_set.lowest_pitch, data_set.highest_pitch), (21, 109));
    assert_eq!(data_set.planes, [Plane::Hold]);
    let both = plan("[sweep.grid]\n\"corpus.compat\" = [\"none\", \"seed\"]\n", &[]);
    assert_eq!(values(&both, &["corpus.min_steps"]), [json!([1]), json!([51])]);
    assert_eq!(both.swept, ["corpus.compat"]);
    let sources = plan("[sweep.grid]\n\"corpus.path\" = [\"a\", \"b.json\"]\n", &[]);
    assert_eq!(values(&sources, &["corpus.lowest_pitch"]), [json!([24]), json!([21])]);
    let base = sweep("corpus.lowest_pitch = 30", &[]).base(Some(Path::new("x.json"))).unwrap();
    assert_eq!((base.corpus.lowest_pitch, base.corpus.highest_pitch), (30, 109));
    assert_eq!(base.corpus.path, Some(PathBuf::from("x.json")));
}

/// If this value changes, results on disk no longer belong to their runs.
#[test]
fn the_identity_of_the_default_run_is_pinned() {
    let parameters = concat!(
        r#""corpus.compat":"none","corpus.damaged":"use","corpus.drums":false,"corpus.highest_pitch":102,"#,
        r#""corpus.lowest_pitch":24,"corpus.metres":[],"corpus.min_steps":1,"corpus.planes":["hold","onset"],"#,
        r#""corpus.rounding":"nearest","corpus.steps_per_beat":4,"corpus.stride":0,"corpus.transpose":[],"#,
        r#""corpus.validation":0.1,"evaluate.ais_chains":500,"evaluate.ais_mixing_steps":1000,"#,
        r#""evaluate.ais_spacing":"linear","evaluate.ais_temperatures":10000,"evaluate.every":1,"#,
        r#""evaluate.log_likelihood":"auto","evaluate.pseudo_likelihood_windows":100,"#,
        r#""evaluate.raise_windows":100,"evaluate.windows":0,"model.hidden":50,"model.timesteps":15,"#,
        r#""model.visible_bias":"log-odds","model.weight_mean":0.0,"model.weight_std":0.01,"#,
        r#""sample.annealing":1.0,"sample.count":10,"sample.last_step":"draw","sample.program":0,"#,
        r#""sample.skip_empty":true,"sample.start":"zeros","sample.steps":1,"sample.temperature":1.0,"#,
        r#""sample.tempo":120.0,"sample.velocity":40,"train.averaged_epochs":0,"train.batch_size":100,"#,
        r#""train.batches":"shuffled","train.centring":"none","train.centring_rate":0.01,"train.chains":0,"#,
        r#""train.early_stopping_metric":"none","train.early_stopping_min_delta":0.0,"#,
        r#""train.early_stopping_patience":10,"train.early_stopping_restore":true,"#,
        r#""train.engine":"packed","train.epochs":200,"train.initial_momentum":0.0,"train.k":1,"train.k_final":0,"#,
        r#""train.learning_rate":0.005,"train.learning_rate_final":0.0,"train.learning_rate_schedule":"constant","#,
        r#""train.lowest_inverse_temperature":0.5,"train.method":"cd","train.momentum":0.0,"#,
        r#""train.momentum_switch_epoch":0,"train.nesterov":false,"train.positive_sample":"chain","#,
        r#""train.skip_first_window":false,"train.sparsity_decay":0.9,"train.sparsity_strength":0.0,"#,
        r#""train.sparsity_target":0.1,"train.statistics":"probabilities","train.temperatures":10,"#,
        r#""train.weight_decay":0.0,"train.weight_decay_l1":0.0"#,
    );
    let seed = derive_seed(42, Purpose::Replicate, 0);
    let canonical = format!(r#"{{"corpus":"{DIGEST}","parameters":{{{parameters}}},"schema":1,"seed":"{seed}"}}"#);
    let hash = blake3::hash(canonical.as_bytes()).to_hex();
    assert_eq!(ids(&plan("", &[])), [&hash[..12]]);
    assert_eq!(&hash[..12], "88982e583986");
}

#[test]
fn the_identity_is_that_of_the_parameters_alone() {
    let other_value = |kind: Kind, default: &Value| match kind {
        Kind::Integer { min, max } if default.as_i64() == Some(max) => json!(min),
        Kind::Integer { .. } => json!(default.as_i64().unwrap() + 1),
        Kind::Float { .. } => json!(default.as_f64().unwrap() / 2.0 + 0.125),
        Kind::Bool => json!(!default.as_bool().unwrap()),
        Kind::Choice(choices) => json!(choices[choices.len() - 1]),
        Kind::Choices(choices) => json!([choices[0]]),
        Kind::Integers { .. } | Kind::Layers { .. } => json!([3]),
        Kind::Seed => default.clone(),
        Kind::AutoOrInteger { .. } => json!(3),
        Kind::Texts => json!(["other"]),
        Kind::FileName | Kind::Text | Kind::InputPath | Kind::OutputPath => json!("other"),
    };
    let default = ids(&plan("", &[]));
    // A point that is alone is trained to the end at once.
    assert_eq!(ids(&plan("sweep.halving.first_epochs = 1\nsweep.halving.eta = 2\n", &[])), default);
    let of_plan = |path: &str| ["schema", "replicates.count"].contains(&path) || path.starts_with("sweep.halving.");
    for key in KEYS.iter().filter(|key| !of_plan(key.path)) {
        let value = other_value(key.kind, &key.default.into());
        // Some keys have an effect, and are part of the identity, only beside certain values of others.
        let beside = match key.path {
            "corpus.source" => {
                "corpus.planes = [\"hold\"]\ncorpus.lowest_pitch = 60\ncorpus.highest_pitch = 63\nmodel.timesteps = 3\n"
            }
            "train.method" => "model.hidden = 20\n",
            "train.chains" => "train.method = \"pcd\"\n",
            "train.temperatures" | "train.lowest_inverse_temperature" => "train.method = \"pt\"\n",
            "train.positive_sample" => "train.statistics = \"samples\"\n",
            "train.learning_rate_final" => "train.learning_rate_schedule = \"linear\"\n",
            "train.learning_rate_schedule" => "train.learning_rate_final = 0.001\n",
            "train.k_final" => "train.k = 2\n",
            "train.initial_momentum" => "train.momentum_switch_epoch = 5\n",
            "train.momentum_switch_epoch" => "train.initial_momentum = 0.5\n",
            "train.nesterov" => "train.momentum = 0.5\n",
            "train.sparsity_target" | "train.sparsity_decay" => "train.sparsity_strength = 1.0\n",
            "train.centring_rate" => "train.centring = \"data\"\n",
            "train.adam_first" | "train.adam_second" | "train.adam_epsilon" => "train.optimizer = \"adam\"\n",
            _ => "",
        };
        let sequences = "model.kind = \"rnn-rbm\"\n";
        let beside = match key.path.strip_prefix("pretrain.") {
            Some("epochs") => sequences.to_owned(),
            // What holds in training holds in the stage before it.
            Some(name) => {
                let own = match name {
                    "chains" => "pretrain.method = \"pcd\"\n",
                    "temperatures" | "lowest_inverse_temperature" => "pretrain.method = \"pt\"\n",
                    "positive_sample" => "pretrain.statistics = \"samples\"\n",
                    "learning_rate_final" => "pretrain.learning_rate_schedule = \"linear\"\n",
                    "learning_rate_schedule" => "pretrain.learning_rate_final = 0.001\n",
                    "k_final" => "pretrain.k = 2\n",
                    "initial_momentum" => "pretrain.momentum_switch_epoch = 5\n",
                    "momentum_switch_epoch" => "pretrain.initial_momentum = 0.5\n",
                    "nesterov" => "pretrain.momentum = 0.5\n",
                    "sparsity_target" | "sparsity_decay" => "pretrain.sparsity_strength = 1.0\n",
                    "centring_rate" => "pretrain.centring = \"data\"\n",
                    "adam_first" | "adam_second" | "adam_epsilon" => "pretrain.optimizer = \"adam\"\n",
                    _ => "",
                };
                format!("{sequences}pretrain.epochs = 10\n{own}")
            }
            // The last of its values is for models of sequences.
            None if key.path == "sample.start" => sequences.to_owned(),
            None if key.kinds.is_empty() => beside.to_owned(),
            None if key.kinds.contains(&ModelKind::Dbn) => {
                let own = match key.path {
                    "model.tied_start" => "model.layers = [50, 2340]\n",
                    "train.fine_tune_rate" => "train.fine_tune_epochs = 5\n",
                    _ => "",
                };
                format!("model.kind = \"dbn\"\n{own}")
            }
            None => sequences.to_owned(),
        };
        let unchanged = ids(&plan(&beside, &[]));
        let changed = ids(&plan(&format!("{beside}\"{}\" = {value}\n", key.path), &[]));
        let decides = key.role == Role::Parameter && value != Value::from(key.default);
        assert_eq!(changed == unchanged, !decides, "{} = {value}", key.path);
    }
    assert_ne!(ids(&plan("", &["replicates.seed=1"])), default);
    assert_ne!(plan("", &[]).runs[0].run_id("another corpus"), default[0]);
    // The same number gives the same run, however it is written.
    for text in ["train.k = 0x1", "train.learning_rate = 5e-3", "model.weight_mean = -0.0", "model.weight_mean = 0"] {
        assert_eq!(ids(&plan(text, &[])), default, "{text}");
    }
    let parameters = serde_json::to_string(&plan("", &[]).points[0].settings.parameters()).unwrap();
    assert!(parameters.starts_with(r#"{"corpus.compat":"none","corpus.damaged":"use""#), "{parameters}");
    for label in ["path", "name", "dir", "jobs", "threads", "replicates", "source"] {
        assert!(!parameters.contains(label), "{label} in {parameters}");
    }
}

/// Keys without an effect count as their defaults, whatever their values. The same runs have the same names, and a
/// sweep over such a key has one point.
#[test]
fn idle_keys_do_not_count() {
    let default = ids(&plan("", &[]));
    for text in [
        "train.chains = 7",
        "train.temperatures = 3",
        "train.lowest_inverse_temperature = 0.1",
        "train.positive_sample = \"separate\"",
        "train.learning_rate_final = 0.1",
        "train.nesterov = true",
        "train.sparsity_target = 0.3",
        "train.sparsity_decay = 0.3",
        "train.centring_rate = 0.3",
        "train.initial_momentum = 0.5",
        "train.momentum_switch_epoch = 5",
        "train.momentum = 0.9\ntrain.momentum_switch_epoch = 200",
        "train.k = 1\ntrain.k_final = 1",
    ] {
        assert_eq!(ids(&plan(text, &[])), default, "{text}");
    }
    // A momentum that begins after the last epoch, or ends before the first, does not count.
    let momentum = |text: &str| ids(&plan(text, &[]));
    let first = "train.initial_momentum = 0.5\ntrain.momentum_switch_epoch";
    let last = momentum("train.momentum = 0.9");
    assert_eq!(momentum(&format!("train.momentum = 0.9\n{first} = 0")), last);
    assert_eq!(
        momentum(&format!("train.momentum = 0.9\n{first} = 900")),
        momentum(&format!("train.momentum = 0.1\n{first} = 200"))
    );
    let both = momentum(&format!("train.momentum = 0.9\n{first} = 199"));
    assert!(both != last && both != momentum(&format!("{first} = 200")));
    // Without training, no momentum counts.
    assert_eq!(
        ids(&plan(&format!("train.epochs = 0\ntrain.momentum = 0.9\n{first} = 3"), &[])),
        ids(&plan("train.epochs = 0", &[]))
    );
    // Points with different swept values stay apart, and exclusions go by the values that are set.
    let text = format!("{first} = 4\n[sweep.grid]\n\"train.epochs\" = [4, 20]\n\"train.momentum\" = [0.5, 0.9]\n");
    assert_eq!(plan(&text, &[]).points.len(), 3);
    let excluded = format!("{text}[[sweep.exclude]]\n\"train.epochs\" = 4\n\"train.momentum\" = 0.9\n");
    assert_eq!(plan(&excluded, &[]).points.len(), 3);
    for (key, beside) in [
        ("learning_rate_final", "train.learning_rate_schedule = \"linear\"\ntrain.learning_rate = 0.4\n"),
        ("initial_momentum", "train.momentum = 0.4\ntrain.momentum_switch_epoch = 3\n"),
        ("momentum", "train.initial_momentum = 0.4\ntrain.momentum_switch_epoch = 3\n"),
        ("k_final", "train.k = 4\n"),
    ] {
        let values = if key == "k_final" { "[0, 2, 3]" } else { "[0.0, 0.2, 0.4]" };
        let plan = plan(&format!("{beside}[sweep.grid]\n\"train.{key}\" = {values}\n"), &[]);
        let labels: Vec<String> =
            plan.runs.iter().map(|run| plan.swept_values(run).map(|(_, value)| value.to_string()).collect()).collect();
        assert_eq!(labels.len(), 3, "{key}");
        assert!(labels[0] != labels[1] && labels[1] != labels[2] && labels[0] != labels[2], "{key}: {labels:?}");
    }
    // With a single epoch, only the first rate and the first k count.
    let single = |text: &str| ids(&plan(&format!("train.epochs = 1\n{text}"), &[]));
    assert_eq!(single("train.learning_rate_schedule = \"linear\"\ntrain.k_final = 7"), single(""));
    // At most all epochs are averaged.
    let averaged = |epochs: &str| ids(&plan(&format!("train.epochs = 3\ntrain.averaged_epochs = {epochs}\n"), &[]));
    assert_eq!(averaged("9"), averaged("3"));
    assert_ne!(averaged("2"), averaged("3"));
    let plan = plan("[sweep.grid]\n\"train.chains\" = [1, 2, 3]\n\"train.method\" = [\"cd\", \"pcd\"]\n", &[]);
    assert_eq!(plan.points.len(), 4);
}

#[test]
fn a_late_mistake_points_at_the_value() {
    let text = "[train]\nk = 3\n\n[sweep.grid]\n\"model.timesteps\" = [\n    15,\n    500,\n]\n";
    let plan = plan(text, &[]);
    let long = &plan.runs[1].point;
    let message =
        long.error_at("model.timesteps", "`model.timesteps = 500` is longer than any song", "the longest has 96 steps");
    assert_eq!(
        message.to_string(),
        "error: `model.timesteps = 500` is longer than any song\n \
         --> lists/sweep.toml:7:5\n  \
         |\n\
         7 |     500,\n  \
         |     ^^^ the longest has 96 steps"
    );
    assert_eq!(long.error_at("train.k", "k", "").places[0].origin.line(), 2);
    assert!(long.error_at("model.hidden", "hidden", "50 units").places.is_empty());
}

#[test]
fn shards_are_of_the_form_i_of_n() {
    assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
    for text in ["", "1", "0/3", "4/3", "1/0", "-1/3", "1/3/5", "a/b"] {
        assert!(text.parse::<Shard>().is_err(), "{text}");
    }
    let plan = plan("[sweep.grid]\n\"train.k\" = [1, 2, 3, 4, 5]\n", &[]);
    let indices = |shard: &str| -> Vec<usize> { plan.shard(shard.parse().unwrap()).map(|run| run.index).collect() };
    assert_eq!(indices("2/3"), [1, 4]);
    assert_eq!(plan.shard(Shard::WHOLE).count(), 5);
}

#[test]
fn the_recipes_load_and_say_what_they_claim() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/configs"));
    let plan = |name: &str| {
        let sweep = SweepConfig::load(Some(&folder.join(name)), &[]).unwrap_or_else(|errors| panic!("{errors}"));
        sweep.plan().unwrap_or_else(|errors| panic!("{errors}"))
    };
    let seed = plan("seed.toml").runs[0].parameters().clone();
    assert_eq!((seed.model.timesteps, seed.model.hidden), (15, 50));
    assert_eq!(
        (seed.model.weight_mean, seed.model.weight_std, seed.model.visible_bias),
        (0.01, 1.0, VisibleBias::Zero)
    );
    assert_eq!((seed.train.method, seed.train.k, seed.train.epochs), (Method::Cd, 1, 200));
    assert_eq!((seed.train.learning_rate, seed.train.batch_size), (0.005, 100));
    assert_eq!((seed.train.batches, seed.train.skip_first_window), (Batches::PerSong, true));
    assert_eq!(
        (seed.train.statistics, seed.train.positive_sample),
        (StatisticsKind::Samples, PositiveSample::Separate)
    );
    assert_eq!((seed.train.momentum, seed.train.weight_decay), (0.0, 0.0));
    assert_eq!((seed.corpus.compat, seed.corpus.validation, seed.corpus.min_steps), (Compat::Seed, 0.0, 51));
    assert_eq!((seed.sample.count, seed.sample.steps, seed.sample.skip_empty), (50, 1, true));
    let practical = plan("practical.toml").runs[0].parameters().clone();
    assert_eq!((practical.train.method, practical.train.statistics), (Method::Pcd, StatisticsKind::Probabilities));
    assert_eq!((practical.train.initial_momentum, practical.train.momentum), (0.5, 0.9));
    assert_eq!((practical.model.timesteps, practical.model.hidden), (seed.model.timesteps, 200));
    let quick = plan("quick.toml");
    assert_eq!(quick.swept, ["model.timesteps", "model.hidden", "train.k", "train.learning_rate"]);
}

/// Returns a configuration with some keys in the grid and two more keys zipped.
fn axes_text(lengths: &[usize], zip: usize, reversed: bool) -> String {
    let keys = ["model.hidden", "train.k", "train.epochs", "train.batch_size"];
    let mut lines: Vec<String> = lengths
        .iter()
        .zip(keys)
        .map(|(length, key)| format!("\"{key}\" = {:?}\n", (1..=*length).collect::<Vec<_>>()))
        .collect();
    if reversed {
        lines.reverse();
    }
    let mut text = format!("[sweep.grid]\n{}", lines.concat());
    if zip > 0 {
        let values: Vec<usize> = (1..=zip).collect();
        let _ = write!(text, "[[sweep.zip]]\n\"sample.count\" = {values:?}\n\"sample.steps\" = {values:?}\n");
    }
    text
}

proptest! {
    #[test]
    fn a_sweep_is_the_product_of_its_axes(
        lengths in proptest::collection::vec(1usize..5, 0..4),
        zip in 0usize..4,
        replicates in 1u32..4,
        shards in 1usize..5,
    ) {
        let set = format!("replicates.count={replicates}");
        let plan = plan(&axes_text(&lengths, zip, false), &[&set]);
        let points = lengths.iter().product::<usize>() * zip.max(1);
        prop_assert_eq!(plan.points.len(), points);
        prop_assert_eq!(plan.runs.len(), points * replicates as usize);
        prop_assert!(plan.runs.iter().enumerate().all(|(index, run)| run.index == index));
        // Values ascend along every axis, so the points are in lexicographic order.
        let rows = values(&plan, &["model.hidden", "train.k", "train.epochs", "sample.count"]);
        let rows: Vec<Vec<u64>> = rows.iter().step_by(replicates as usize).map(|row| {
            let used = row.as_array().unwrap().iter().take(lengths.len());
            used.chain((zip > 0).then(|| &row[3])).map(|value| value.as_u64().unwrap()).collect()
        }).collect();
        prop_assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        // Each run has its own identity, which does not depend on order, labels or folders.
        let identities: BTreeSet<String> = ids(&plan).into_iter().collect();
        prop_assert_eq!(identities.len(), plan.runs.len());
        let elsewhere = [set.as_str(), "name=other", "output.dir=/tmp", "run.jobs=3", "run.threads_per_run=auto", "corpus.path=x"];
        let reversed = self::plan(&axes_text(&lengths, zip, true), &elsewhere);
        prop_assert_eq!(&identities, &ids(&reversed).into_iter().collect::<BTreeSet<_>>());
        // The shards divide the runs among them.
        let mut shared: Vec<usize> = (1..=shards)
            .flat_map(|index| plan.shard(Shard { index, count: shards }).map(|run| run.index).collect::<Vec<_>>())
            .collect();
        shared.sort_unstable();
        prop_assert_eq!(shared, (0..plan.runs.len()).collect::<Vec<_>>());
    }

    /// Any broken text ends in messages.
    #[test]
    fn no_text_panics(text in "(\\[{0,2}(sweep|model|train|grid|zip|random)(\\.(grid|zip|hidden))?\\]{0,2}|\"?[a-z.]{1,8}\"? ?= ?[-0-9a-z\\[\\]{}\",.]{0,12}|[ -~]{0,20}\n|\n){0,6}", set in ".{0,24}|(name|corpus.path|sweep.grid) ?=.{0,12}") {
        let file = Some((Path::new("a.toml"), text));
        if let Err(errors) = SweepConfig::from_text(file, &[set]).and_then(|sweep| sweep.plan()) {
            prop_assert!(errors.render(false).starts_with("error: "));
        }
    }
}
