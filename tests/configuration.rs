//! Tests of the messages for mistakes in a configuration: every kind, with line and caret.

use chordbench::sweep::SweepConfig;
use std::fmt::Write as _;
use std::path::Path;

/// Compares with the stored messages. Their file does not repeat the expression that made them.
macro_rules! snapshot {
    ($messages:expr $(,)?) => {
        insta::with_settings!({omit_expression => true}, { insta::assert_snapshot!($messages) })
    };
}

/// Returns the messages for a text and its `--set` arguments. Panics without a mistake.
fn messages(text: &str, sets: &[&str]) -> String {
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    let plan =
        SweepConfig::from_text(Some((Path::new("sweeps/try.toml"), text.to_owned())), &sets).and_then(|it| it.plan());
    match plan {
        Err(errors) => errors.render(false),
        Ok(plan) => {
            assert!(!plan.warnings.is_empty(), "no mistake in\n{text}\n{sets:?}");
            let warnings: Vec<String> = plan.warnings.iter().map(ToString::to_string).collect();
            warnings.join("\n\n")
        }
    }
}

/// Returns the messages for several files.
fn files(texts: &[&str]) -> String {
    let mut all = String::new();
    for text in texts {
        let _ = writeln!(all, "{}\n", messages(text, &[]));
    }
    all
}

/// Returns the messages for several lists of `--set` arguments over one file.
fn arguments(text: &str, arguments: &[&[&str]]) -> String {
    let mut all = String::new();
    for sets in arguments {
        let _ = writeln!(all, "{}\n", messages(text, sets));
    }
    all
}

#[test]
fn unknown_keys_and_tables() {
    snapshot!(files(&[
        "[model]\nhiden = 50\n",
        "[train]\nhidden = 50\n",
        "hidden = 50\n",
        "[modle]\nhidden = 50\n",
        "[train]\nlerning_rate = 0.1\nepoch = 5\n",
        "colour = \"red\"\n",
        "[evaluate]\ncolour = \"red\"\n",
        "[colours]\n",
        "model = 5\n",
        "[model.hidden]\nunits = 5\n",
        "[sweep.gird]\n\"model.hidden\" = [5]\n",
        "[sweep.grid]\n\"model.hiden\" = [5]\n",
        "[sweep.grid]\nlr = [0.1]\n",
        "[sweep.grid]\n\"train.lr\" = [0.1]\n\"rbm.cd_steps\" = [1]\n",
        "[train]\nlr = 0.1\n",
        "[model]\nn_hidden = 5\n",
        "sweep = 5\n",
        "\"model.hidden\" = 5\n[model]\nhidden = 6\n",
    ]));
}

#[test]
fn wrong_values() {
    snapshot!(files(&[
        "schema = 2\n",
        "name = \"a/b\"\n",
        "name = \"..\"\n",
        "name = \"\"\n",
        "[model]\nhidden = 0 # none\n",
        "[model]\nhidden = \"many\"\n",
        "[model]\nhidden = 50.0\n",
        "[model]\nhidden = [50, 100]\n",
        "[model]\nhidden = 99999999999999999999999999999999999999999999\n",
        "[model]\nweight_std = -0.01\n",
        "[model]\nhidden = 1979-05-27\n",
        "[train]\nk = 0\n",
        "[train]\nlearning_rate = nan\n",
        "[train]\nlearning_rate = -inf\n",
        "[train]\nlearning_rate = 1e999\n",
        "[train]\nlearning_rate = -0.005\n",
        "[train]\nlearning_rate = \"0.005\"\n",
        "[train]\nmomentum = 1\n",
        "[train]\nmethod = \"PCD\"\n",
        "[train]\nmethod = \"adam\"\n",
        "[train]\nskip_first_window = 1\n",
        "[train]\nepochs = -1\nbatch_size = 0\n",
        "[corpus]\nplanes = []\n",
        "[corpus]\nplanes = [\"hold\", \"hold\"]\n",
        "[corpus]\nplanes = [\"hold\", \"off\"]\n",
        "[corpus]\nplanes = \"hold\"\n",
        "[corpus]\nmetres = [4, \"3\"]\n",
        "[corpus]\nmetres = [4, 0]\n",
        "[corpus]\npath = \"\"\n",
        "[corpus]\nvalidation = 1.0\n",
        "[corpus]\nhighest_pitch = 129\n",
        "[sample]\ntemperature = 0\n",
        "[replicates]\nseed = -1\n",
        "[replicates]\nseed = \"18446744073709551616\"\n",
        "[replicates]\nseed = \"lucky\"\n",
        "[run]\njobs = 0\n",
        "[run]\njobs = \"all\"\n",
    ]));
}

#[test]
fn values_that_do_not_go_together() {
    snapshot!(files(&[
        "[corpus]\nlowest_pitch = 60\nhighest_pitch = 60\n",
        "[corpus]\nlowest_pitch = 110\n",
        "[corpus]\ncompat = \"seed\"\nplanes = [\"onset\", \"hold\"]\n",
        "[corpus]\ncompat = \"seed\"\nsteps_per_beat = 8\n",
        "[corpus]\npath = \"jsb.json\"\nplanes = [\"hold\", \"onset\"]\n",
        "[corpus]\npath = \"jsb.json\"\ncompat = \"seed\"\n",
        "[train]\naveraged_epochs = 5\nearly_stopping_metric = \"reconstruction-error\"\n",
        "[sample]\nstart = \"previous\"\n",
        "[sweep.grid]\n\"corpus.highest_pitch\" = [\n  12,\n  100,\n]\n\"train.k\" = [1, 2]\n",
    ]));
}

#[test]
fn axes() {
    snapshot!(files(&[
        "[sweep.grid]\n\"model.hidden\" = []\n",
        "[sweep.grid]\n\"model.hidden\" = 50\n",
        "[sweep.grid]\n\"model.hidden\" = [50, 0]\n",
        "[sweep.grid]\n\"model.hidden\" = [50, 100, 50]\n",
        "[sweep.grid]\n\"run.jobs\" = [1, 2]\n",
        "[sweep.grid]\n\"replicates.seed\" = [1, 2]\n",
        "[sweep.grid]\n\"corpus.planes\" = [\"hold\", \"onset\"]\n",
        "[sweep.grid]\n\"train.learning_rate\" = { logspace = [0, 1], count = 3 }\n",
        "[sweep.grid]\n\"train.learning_rate\" = { logspace = [0.1, 1, 2], count = 3 }\n",
        "[sweep.grid]\n\"train.learning_rate\" = { logspace = [0.1, 1] }\n",
        "[sweep.grid]\n\"train.learning_rate\" = { lgspace = [0.1, 1], count = 2 }\n",
        "[sweep.grid]\n\"train.learning_rate\" = { logspace = [0.1, 1], count = 1 }\n",
        "[sweep.grid]\n\"train.learning_rate\" = { linspace = [0.1, -1], count = 3 }\n",
        "[sweep.grid]\n\"train.k\" = { linspace = [1, 3], count = 9 }\n",
        "[sweep.grid]\n\"train.method\" = { linspace = [1, 3], count = 9 }\n",
        "[sweep.grid]\n\"train.k\" = [1, 5]\n[[sweep.zip]]\n\"train.k\" = [1, 5]\n",
        "[[sweep.zip]]\n\"train.k\" = [1, 5]\n\"model.hidden\" = [10, 20, 30]\n",
        "[[sweep.zip]]\n",
        "[sweep.zip]\n\"train.k\" = [1, 5]\n",
        "[sweep]\ninclude = [5]\n",
        "[[sweep.include]]\n\"output.dir\" = \"elsewhere\"\n",
        "[sweep.random]\n\"train.k\" = { choice = [1, 5] }\n",
        "[sweep.random]\ncount = 3\n",
        "[sweep.random]\ncount = 0\n\"train.k\" = { choice = [1, 5] }\n",
        "[sweep.random]\ncount = 3\n\"train.k\" = [1, 5]\n",
        "[sweep.random]\ncount = 3\n\"train.k\" = { uniform = [5, 1] }\n",
        "[sweep.random]\ncount = 3\n\"train.k\" = { normal = [0, 1] }\n",
        "[sweep.random]\ncount = 3\n\"train.momentum\" = { log-uniform = [0, 0.9] }\n",
        "[sweep.grid]\n\"train.k\" = [1, 5]\n[[sweep.exclude]]\n\"train.method\" = \"cd\"\n",
        "[sweep.grid]\n\"train.k\" = [1, 5]\n[[sweep.exclude]]\n\"train.k\" = 7\n",
        "[sweep.grid]\n\"train.epochs\" = { linspace = [1, 5000], count = 5000 }\n\"model.hidden\" = { linspace = [1, 999], count = 999 }\n",
    ]));
}

#[test]
fn text_that_is_not_toml() {
    snapshot!(files(&[
        "[model\nhidden = 5\n",
        "[model]\nhidden = fifty\n",
        "[model]\nhidden = 5\nhidden = 6\n",
        "[model]\nname = \"open\n",
        "hidden\n",
        "name = \"a\"\n[corpus]\npath = My Songs\n",
        "[corpus]\npath = [demo] songs\n",
        "corpus.path = ~/songs\n",
    ]));
}

#[test]
fn arguments_show_themselves() {
    let text = "[model]\nhidden = 5\n\n[sweep.grid]\n\"train.k\" = [1, 5]\n";
    snapshot!(arguments(
        text,
        &[
            &["train.k=0"],
            &["train.k = 0"],
            &["train.kk=1"],
            &["train.k"],
            &["train.k="],
            &["=5"],
            &["train..k=5"],
            &["train.k=five"],
            &["train.k=[1, 5"],
            &["model.hidden=[5, 10]"],
            &["train.method=pdc"],
            &["name=a/b"],
            &["name=42"],
            &["[model]\nhidden=5"],
            &["[model]"],
            &["sweep.grid.train.k=5"],
            &["corpus.lowest_pitch=60", "corpus.highest_pitch=50"],
            &["sweep.random.count=5"],
            &["sweep.zip=[{model.hidden=[1,2]}, {model.hidden=[1,2]}]"],
        ],
    ));
}

#[test]
fn several_mistakes_at_once() {
    snapshot!(messages("[model]\nhiden = 5\ntimesteps = 0\n\n[train]\nk = \"one\"\n", &["train.epochs=-5"],));
}

#[test]
fn a_missing_or_unreadable_file() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.toml");
    let message = |path: &Path| {
        let message = SweepConfig::load(Some(path), &[]).unwrap_err().to_string();
        message.replace(&folder.path().display().to_string(), "FOLDER")
    };
    let latin = folder.path().join("latin.toml");
    std::fs::write(&latin, b"name = \"caf\xe9\"\n").unwrap();
    let odd = folder.path().join(".toml");
    std::fs::write(&odd, "").unwrap();
    snapshot!([&missing, &latin, &odd].map(|path| message(path)).join("\n\n"));
    assert!(message(folder.path()).contains("cannot read the configuration `FOLDER`"));
}

#[test]
fn colours_only_when_asked_for() {
    let errors = SweepConfig::from_text(None, &["train.k=0".to_owned()]).unwrap_err();
    assert!(!errors.render(false).contains('\u{1b}'));
    assert!(errors.render(true).contains('\u{1b}'));
}

/// The reading of the article's program has an older name in records, and with it in identities.
#[test]
fn article_is_another_name_of_seed() {
    let plan = |compat: &str| {
        let text = format!("[corpus]\ncompat = \"{compat}\"\n");
        SweepConfig::from_text(Some((Path::new("try.toml"), text)), &[]).and_then(|sweep| sweep.plan()).unwrap()
    };
    let [article, seed, none] = ["article", "seed", "none"].map(plan);
    assert_eq!(article.runs[0].parameter_map()["corpus.compat"], "seed");
    assert_eq!(article.runs[0].parameter_map(), seed.runs[0].parameter_map());
    assert_eq!(article.runs[0].run_id("digest"), seed.runs[0].run_id("digest"));
    assert_ne!(article.runs[0].run_id("digest"), none.runs[0].run_id("digest"));
    let twice = messages("[sweep.grid]\n\"corpus.compat\" = [\"seed\", \"article\"]\n", &[]);
    assert!(twice.contains("the same value again"), "{twice}");
    let wrong = messages("[corpus]\ncompat = \"article\"\nsteps_per_beat = 8\n", &[]);
    assert!(wrong.contains("`corpus.compat = \"article\"`"), "{wrong}");
}
