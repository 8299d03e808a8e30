//! Tests of files that came from elsewhere: names that lead out of their folder, numbers out of range, pipes and devices
//! in the place of files, and a user's own files among those of the program.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use assert_cmd::Command;
use predicates::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{Bench, TWO_RUNS, first_run, json};

/// The time in which the program refuses a file. Waiting for the writer of a pipe takes forever.
const AT_ONCE: Duration = Duration::from_mins(1);

impl Bench {
    /// Runs the sweep and returns the folder of its results.
    fn results(&self) -> PathBuf {
        self.sweep(&[]).assert().success();
        self.path("results/small")
    }

    /// Returns a call of the program that fails the test unless it ends soon.
    fn prompt(&self, arguments: &[&str]) -> Command {
        let mut command = self.runner(arguments);
        command.timeout(AT_ONCE);
        command
    }

    /// Makes one of everything that is not a regular file, and a sparse file of terabytes.
    fn oddities(&self) -> Vec<PathBuf> {
        let names = ["pipe", "zeros", "loop", "sparse"].map(|name| self.path(name));
        pipe(&names[0]);
        symlink("/dev/zero", &names[1]).unwrap();
        symlink(&names[2], &names[2]).unwrap();
        fs::File::create(&names[3]).unwrap().set_len(1 << 42).unwrap();
        names.to_vec()
    }
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// Puts a pipe in the place of a file.
fn make_pipe(path: &Path) {
    let _ = fs::remove_file(path);
    pipe(path);
}

/// Changes a file of JSON.
fn edit(path: &Path, change: impl Fn(&mut Value)) {
    let mut value = json(path);
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Writes a model file again with other parameters of its run.
fn edit_model(path: &Path, change: impl Fn(&mut Value)) {
    let bytes = fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let entry = &mut header["__metadata__"]["chordbench"];
    let mut description: Value = serde_json::from_str(entry.as_str().unwrap()).unwrap();
    change(&mut description);
    *entry = description.to_string().into();
    let mut text = header.to_string();
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    let new = [&(text.len() as u64).to_le_bytes(), text.as_bytes(), &bytes[8 + length..]].concat();
    fs::write(path, new).unwrap();
}

#[test]
fn names_in_results_do_not_lead_out_of_their_folder() {
    let bench = Bench::new(TWO_RUNS);
    let results = bench.results();
    let outside = bench.path("outside");
    let absolute = outside.to_str().unwrap();
    for name in ["../outside", "../../outside", absolute, "corpora/../../outside", "sweep.toml", "runs", ""] {
        fs::write(&outside, "precious").unwrap();
        let shard = bench.path("shard");
        let _ = fs::remove_dir_all(&shard);
        copy_folder(&results, &shard);
        edit(&shard.join("plan.json"), |plan| plan["corpora"][0]["files"] = name.into());
        // The file that the name leads to, seen from the shard, is there to be copied.
        fs::write(bench.path("evil"), "evil").unwrap();
        for merged in ["merged", "merged/deep"] {
            bench.prompt(&["merge", merged, "shard"]).assert().code(2).stderr(predicate::str::contains("plan"));
            assert!(!bench.path(merged).exists(), "{name}");
        }
        for verb in ["status", "report", "verify"] {
            bench.prompt(&[verb, "shard"]).assert().code(2);
        }
        assert_eq!(fs::read_to_string(&outside).unwrap(), "precious", "{name}");
    }
    // Files that a record names are read below the folder of their run alone.
    let run = first_run(&results);
    for name in ["../../../../outside", absolute, "samples/../../x"] {
        let before = fs::read(run.join("result.json")).unwrap();
        edit(&run.join("result.json"), |record| record["artifacts"][0]["path"] = name.into());
        let refused = predicate::str::contains("is not the name of a file of a run");
        bench.prompt(&["verify", "results/small"]).assert().code(1).stdout(refused.clone());
        bench.prompt(&["merge", "merged", "results/small"]).assert().code(4).stdout(refused);
        fs::remove_dir_all(bench.path("merged")).unwrap();
        fs::write(run.join("result.json"), before).unwrap();
    }
}

#[test]
fn numbers_in_files_are_within_the_ranges_of_their_keys() {
    let bench = Bench::new(TWO_RUNS);
    let results = bench.results();
    let model = first_run(&results).join("model.safetensors");
    let own = fs::read(&model).unwrap();
    for (key, value) in [
        ("evaluate.ais_chains", json!(1_000_000_000_000_000u64)),
        ("evaluate.ais_temperatures", json!(u64::MAX)),
        ("sample.steps", json!(1_000_000_000_000u64)),
        ("sample.count", json!(1_000_000_000_000u64)),
        ("sample.tempo", json!(-1.0)),
        ("corpus.steps_per_beat", json!(0)),
        ("corpus.highest_pitch", json!(200)),
        ("corpus.validation", json!(7.5)),
        ("corpus.planes", json!([])),
        ("corpus.transpose", json!([1000])),
    ] {
        fs::write(&model, &own).unwrap();
        edit_model(&model, |description| description["params"][key] = value.clone());
        let named = || predicate::str::contains(key).and(predicate::str::contains("expected"));
        let path = model.to_str().unwrap();
        bench.prompt(&["evaluate", "--model", path, "--ais"]).assert().code(2).stderr(named());
        bench.prompt(&["sample", "--model", path, "--out", "music"]).assert().code(2).stderr(named());
    }
    fs::write(&model, &own).unwrap();
    // Times that overflow in other files of a run.
    let run_id = first_run(&results).file_name().unwrap().to_str().unwrap().to_owned();
    let run = results.join("runs").join(&run_id);
    fs::remove_file(run.join("result.json")).unwrap();
    let interrupted = json!({"schema": 1, "run_id": run_id, "cause": "timeout", "reason": "x", "epoch": u64::MAX,
        "epochs": 1, "spent_s": 1e300});
    fs::write(run.join("interrupted.json"), interrupted.to_string()).unwrap();
    bench.prompt(&["status", "results/small"]).assert().code(4);
    bench.sweep(&["run.timeout=1000.0"]).args(["--rerun", "interrupted"]).timeout(AT_ONCE).assert().success();
    fs::remove_file(run.join("result.json")).unwrap();
    let claim = json!({"schema": 1, "host": "elsewhere", "pid": 1, "process": null, "token": "abc", "job": null,
        "epoch": u64::MAX, "epochs": 0, "claimed_at": u64::MAX});
    fs::write(run.join("claim.json"), claim.to_string()).unwrap();
    bench.prompt(&["status", "results/small"]).assert().code(4).stdout(predicate::str::contains("elsewhere"));
}

#[test]
fn special_files_are_refused_at_once_wherever_a_file_is_read() {
    let bench = Bench::new(TWO_RUNS);
    let results = bench.results();
    let model = first_run(&results).join("model.safetensors");
    let model = model.to_str().unwrap();
    for odd in bench.oddities() {
        let refused = |path: &Path, arguments: &[&str], codes: &[i32]| {
            let output = bench.prompt(arguments).output().unwrap();
            let code = output.status.code().unwrap_or_else(|| panic!("{arguments:?} does not end, or dies"));
            let said = String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned();
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(codes.contains(&code) && said.contains(name), "{arguments:?}: {code}: {said}");
        };
        let named = |name: &str| {
            let path = bench.path(name);
            let _ = fs::remove_file(&path);
            symlink(&odd, &path).unwrap();
            path
        };
        for name in ["songs.json", "song.mid", "rows.npy", "rows.csv"] {
            let path = named(name);
            // A file of music is listed with its fault.
            refused(&path, &["corpus", name], if name == "song.mid" { &[0, 2] } else { &[2] });
            let set = format!("corpus.path={name}");
            refused(&path, &["plan", "--config", "sweep.toml", "--set", &set], &[2]);
        }
        let midi = named("given.mid");
        for flag in ["--continue", "--harmonise"] {
            refused(&midi, &["sample", "--model", model, "--out", "music", flag, "given.mid"], &[2]);
        }
        let odd_model = named("m.safetensors");
        refused(&odd_model, &["sample", "--model", "m.safetensors", "--out", "music"], &[2]);
        refused(&odd_model, &["evaluate", "--model", "m.safetensors"], &[2]);
        refused(&named("odd.toml"), &["plan", "--config", "odd.toml"], &[2]);
        refused(&named("odd.toml"), &["run", "--config", "odd.toml"], &[2]);
        refused(&named("odd.json"), &["compare", "odd.json", "results/small"], &[2]);
        refused(&named("odd.json"), &["compare", "results/small", "odd.json"], &[2]);

        // Results of any kind: nothing waits, nothing dies, and the rest is shown.
        let of_sweep: &[&str] = &["sweep.toml", "summary.json", "report.html", "corpora/0.jsonl"];
        let of_run: &[&str] =
            &["result.json", "epochs.jsonl", "model.safetensors", "rolls.json", "log.txt", "samples/0.mid"];
        for (names, in_run) in [(&["plan.json"][..], false), (of_sweep, false), (&of_run[1..], true), (of_run, true)] {
            let copy = bench.path("copy");
            let _ = fs::remove_dir_all(&copy);
            copy_folder(&results, &copy);
            let folder = if in_run { first_run(&copy) } else { copy.clone() };
            for name in names {
                fs::remove_file(folder.join(name)).unwrap();
                symlink(&odd, folder.join(name)).unwrap();
            }
            for verb in ["status", "report", "verify", "merge"] {
                let output = bench.prompt(&[verb, "copy"]).output().unwrap();
                assert!(output.status.code().is_some(), "{verb}: {names:?} as {}", odd.display());
            }
        }
        // The run is done again in place of such files.
        bench.sweep(&["name=copy"]).args(["--out", "."]).timeout(AT_ONCE).assert().success();
        bench.prompt(&["verify", "copy"]).assert().success();
    }
}

#[test]
fn only_regular_files_are_replaced() {
    let bench = Bench::new(TWO_RUNS);
    let results = bench.results();
    bench.oddities();
    symlink("/dev/stdout", bench.path("out")).unwrap();
    symlink("/dev/null", bench.path("null")).unwrap();
    for name in ["pipe", "out", "null", "loop", "zeros"] {
        let kind = || fs::symlink_metadata(bench.path(name)).unwrap().file_type();
        let before = kind();
        let refused = predicate::str::contains("cannot write").and(predicate::str::contains(name));
        bench.prompt(&["report", "results/small", "--out", name]).assert().code(1).stderr(refused);
        assert_eq!(kind(), before, "{name}");
    }
    // A link of the user's own leads to the page, and stays.
    fs::write(bench.path("page.html"), "old").unwrap();
    symlink("page.html", bench.path("latest.html")).unwrap();
    bench.prompt(&["report", "results/small", "--out", "latest.html"]).assert().success();
    assert!(fs::symlink_metadata(bench.path("latest.html")).unwrap().is_symlink());
    assert!(fs::read_to_string(bench.path("page.html")).unwrap().contains("<html"));
    // One in a folder of results may lead anywhere: nothing is written there.
    fs::write(bench.path("precious"), "precious").unwrap();
    for name in ["summary.json", "summary.csv", "report.html"] {
        fs::remove_file(results.join(name)).unwrap();
        symlink(bench.path("precious"), results.join(name)).unwrap();
        let _ = bench.prompt(&["merge", "results/small"]).output().unwrap();
        let _ = bench.prompt(&["report", "results/small"]).output().unwrap();
        assert_eq!(fs::read_to_string(bench.path("precious")).unwrap(), "precious", "{name}");
        fs::remove_file(results.join(name)).unwrap();
    }
    fs::create_dir(bench.path("music")).unwrap();
    make_pipe(&bench.path("music/0.mid"));
    let model = first_run(&results).join("model.safetensors");
    let sample = ["sample", "--model", model.to_str().unwrap(), "--out", "music"];
    bench.prompt(&sample).assert().code(1).stderr(predicate::str::contains("0.mid"));
}

#[test]
fn one_bad_run_in_a_shard_leaves_the_others() {
    let bench = Bench::new(TWO_RUNS);
    let results = bench.results();
    let run_id = first_run(&results).file_name().unwrap().to_str().unwrap().to_owned();
    let spoiled = |name: &str, spoil: &dyn Fn(&Path)| {
        let (shard, merged) = (format!("shard-{name}"), format!("merged-{name}"));
        copy_folder(&results, &bench.path(&shard));
        spoil(&bench.path(&shard).join("runs").join(&run_id));
        let output = bench.prompt(&["merge", &merged, &shard, "--json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&said["copied"], &said["unfinished"][0]["state"]), (&1.into(), &"damaged".into()), "{name}");
        assert!(!bench.path(&merged).join("runs").join(&run_id).exists());
    };
    spoiled("pipe", &|run| make_pipe(&run.join("result.json")));
    spoiled("model", &|run| make_pipe(&run.join("model.safetensors")));
    spoiled("samples", &|run| {
        fs::remove_dir_all(run.join("samples")).unwrap();
        symlink("samples", run.join("samples")).unwrap();
    });
    spoiled("log", &|run| {
        fs::remove_file(run.join("log.txt")).unwrap();
        symlink("/etc/hostname", run.join("log.txt")).unwrap();
    });
    spoiled("torn", &|run| fs::write(run.join("result.json"), "{\"schema\": 1").unwrap());
    spoiled("other", &|run| edit(&run.join("result.json"), |record| record["run_id"] = "../x".into()));
    spoiled("loop", &|run| {
        fs::remove_dir_all(run).unwrap();
        symlink(run, run).unwrap();
    });
    spoiled("folder", &|run| {
        fs::remove_file(run.join("result.json")).unwrap();
        fs::create_dir(run.join("result.json")).unwrap();
    });
    // A user's own files are no reason to leave a run, whatever they are; links and pipes among them stay behind.
    copy_folder(&results, &bench.path("own"));
    let run = bench.path("own/runs").join(&run_id);
    fs::create_dir(run.join("mine")).unwrap();
    fs::write(run.join("mine/notes.txt"), "mine").unwrap();
    symlink("..", run.join("mine/up")).unwrap();
    make_pipe(&run.join("mine/pipe"));
    bench.prompt(&["merge", "merged-own", "own"]).assert().success();
    let merged = bench.path("merged-own/runs").join(&run_id);
    assert_eq!(fs::read_to_string(merged.join("mine/notes.txt")).unwrap(), "mine");
    assert!(fs::symlink_metadata(merged.join("mine/up")).is_err() && !merged.join("mine/pipe").exists());
}

/// Asserts that a person's terminal gets nothing to obey, and that no text from a file begins a line.
fn assert_plain(output: &std::process::Output) {
    for stream in [&output.stdout, &output.stderr] {
        let text = std::str::from_utf8(stream).unwrap();
        assert!(!text.contains(|letter: char| letter.is_control() && letter != '\n'), "{text:?}");
        assert!(!text.contains('\u{202e}') && !text.lines().any(|line| line.starts_with("FAKE")), "{text:?}");
    }
}

#[test]
fn text_from_files_is_shown_escaped() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    const EVIL: &str = "x\u{1b}[2J\u{1b}]0;owned\u{7}\r\nFAKE line\u{9b}31m\u{202e}y";
    let bench = Bench::new(TWO_RUNS);
    let results = bench.results();
    fs::create_dir(bench.path("midi")).unwrap();
    let names: [&[u8]; 5] = [EVIL.as_bytes(), b"a\xff", b"a\xfe", "a\u{fffd}".as_bytes(), "F\u{fc}r Elise".as_bytes()];
    for (name, (_, song)) in names.into_iter().zip(chordbench::music::builtin::songs()) {
        let bytes = if name == EVIL.as_bytes() { &song[..30] } else { &song[..] };
        fs::write(bench.path("midi").join(OsStr::from_bytes(&[name, b".mid"].concat())), bytes).unwrap();
    }
    for arguments in [&["corpus", "midi"][..], &["corpus", "midi", "--json"], &["plan", "--config", "sweep.toml"]] {
        let output = bench.prompt(arguments).args(["--set", "corpus.path=midi"]).output().unwrap();
        assert_plain(&output);
        let text = String::from_utf8(output.stdout).unwrap();
        if arguments == ["corpus", "midi"] {
            let shown = ["a\\xff.mid", "a\\xfe.mid", "a\u{fffd}.mid", "F\u{fc}r Elise.mid", "x\\u001b[2J"];
            assert!(shown.iter().all(|name| text.contains(name)), "{text}");
        }
    }
    let log = bench.prompt(&["--config", "sweep.toml", "-vv", "--set", "corpus.path=midi", "--out", "o"]).output();
    assert_plain(&log.unwrap());
    // Paths that the user gives.
    fs::write(bench.path(&format!("{EVIL}.toml")), "k = ").unwrap();
    let path = format!("{EVIL}.toml");
    assert_plain(&bench.prompt(&["plan", "--config", &path]).output().unwrap());
    for verb in ["status", "report", "verify", "merge", "corpus"] {
        assert_plain(&bench.prompt(&[verb, EVIL]).output().unwrap());
    }
    // What files of results say.
    let run = first_run(&results);
    let run_id = run.file_name().unwrap().to_str().unwrap().to_owned();
    let all = |bench: &Bench| {
        for arguments in [
            &["status", "results/small"][..],
            &["status", "results/small", "--json"],
            &["verify", "results/small"],
            &["merge", "results/small"],
            &["merge", "results/small", "--json"],
            &["report", "results/small"],
            &["compare", "results/small", "results/small"],
        ] {
            assert_plain(&bench.prompt(arguments).output().unwrap());
        }
    };
    let sound = fs::read(run.join("result.json")).unwrap();
    edit(&run.join("result.json"), |record| {
        record["status"] = "failed".into();
        record["error"] = EVIL.into();
        record["artifacts"][0]["path"] = EVIL.into();
        record["params"]["train.k"] = EVIL.into();
        record["digest"] = EVIL.into();
    });
    all(&bench);
    for place in ["metrics", "params"] {
        fs::write(run.join("result.json"), &sound).unwrap();
        edit(&run.join("result.json"), |record| record[place][EVIL] = 1.0.into());
        all(&bench);
        let folder = run.to_str().unwrap();
        assert_plain(&bench.prompt(&["compare", folder, folder]).output().unwrap());
    }
    let plan = fs::read(results.join("plan.json")).unwrap();
    edit(&results.join("plan.json"), |plan| {
        plan["runs"][0]["swept"]["train.k"] = EVIL.into();
        plan["runs"][0]["seed"] = EVIL.into();
    });
    all(&bench);
    let places: [fn(&mut Value); 4] = [
        |plan| plan["name"] = EVIL.into(),
        |plan| plan["swept"][0] = EVIL.into(),
        |plan| plan["runs"][0]["swept"][EVIL] = 1.into(),
        |plan| plan["runs"][0]["run_id"] = EVIL.into(),
    ];
    for change in places {
        fs::write(results.join("plan.json"), &plan).unwrap();
        edit(&results.join("plan.json"), change);
        all(&bench);
    }
    fs::write(results.join("plan.json"), &plan).unwrap();
    fs::remove_file(run.join("result.json")).unwrap();
    let interrupted = json!({"schema": 1, "run_id": run_id, "cause": "signal", "reason": EVIL, "epoch": 1, "epochs": 2,
        "spent_s": 1.0});
    fs::write(run.join("interrupted.json"), interrupted.to_string()).unwrap();
    all(&bench);
    let claim = json!({"schema": 1, "host": EVIL, "pid": 1, "process": null, "token": "abc", "job": EVIL, "epoch": 0,
        "epochs": 0, "claimed_at": 0});
    fs::write(run.join("claim.json"), claim.to_string()).unwrap();
    all(&bench);
    fs::remove_file(run.join("claim.json")).unwrap();
    fs::write(run.join("result.json"), sound).unwrap();
    edit_model(&run.join("model.safetensors"), |model| model["run_id"] = EVIL.into());
    let model = run.join("model.safetensors");
    for verb in ["evaluate", "sample"] {
        let mut call = bench.prompt(&[verb, "--model", model.to_str().unwrap()]);
        call.args(if verb == "sample" { &["--out", "music"][..] } else { &[] });
        assert_plain(&call.output().unwrap());
    }
}

#[test]
fn the_files_of_the_user_stay_in_the_folder_of_a_run() {
    let bench = Bench::new(TWO_RUNS);
    let results = bench.results();
    let run = first_run(&results);
    let put = || {
        fs::create_dir_all(run.join("mine/deep")).unwrap();
        for name in ["notes.txt", "mine/deep/thesis.tex", "samples/liked.mid", "samples/0.mid.bak", ".hidden"] {
            fs::write(run.join(name), "mine").unwrap();
        }
    };
    let are_there = |name: &str| fs::read_to_string(run.join(name)).is_ok_and(|text| text == "mine");
    let all = ["notes.txt", "mine/deep/thesis.tex", "samples/liked.mid", "samples/0.mid.bak", ".hidden"];
    put();
    // Files of earlier runs go: there are fewer samples now.
    fs::write(run.join("samples/7.mid"), "old").unwrap();
    fs::write(run.join(".writing-abc"), "old").unwrap();
    for arguments in [&["--fresh"][..], &["--rerun", "all"]] {
        bench.sweep(&[]).args(arguments).assert().success();
        assert!(all.into_iter().all(are_there), "{arguments:?}");
        assert!(!run.join("samples/7.mid").exists() && !run.join(".writing-abc").exists());
        bench.prompt(&["verify", "results/small"]).assert().success();
    }
    // A run that is merged into the place of an interrupted one.
    copy_folder(&results, &bench.path("shard"));
    fs::remove_dir_all(bench.path("shard/runs").join(run.file_name().unwrap()).join("mine")).unwrap();
    fs::remove_file(bench.path("shard/runs").join(run.file_name().unwrap()).join("samples/liked.mid")).unwrap();
    // Of the same name in both, that of the folder of results stays.
    fs::write(bench.path("shard/runs").join(run.file_name().unwrap()).join("notes.txt"), "the shard's").unwrap();
    fs::remove_file(run.join("result.json")).unwrap();
    // A merge that was killed while the run made way.
    let left = results.join("runs/.merging-killed/before");
    fs::create_dir_all(left.join("samples")).unwrap();
    fs::create_dir_all(results.join("runs/.merging-empty/before")).unwrap();
    fs::write(left.join("epochs.jsonl"), "").unwrap();
    fs::write(left.join("thesis.tex"), "mine").unwrap();
    bench.prompt(&["merge", "results/small", "shard"]).assert().success();
    assert!(all.into_iter().all(are_there));
    assert_eq!(fs::read_dir(&left).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(left.join("thesis.tex")).unwrap(), "mine");
    assert!(!results.join("runs/.merging-empty").exists());
}
