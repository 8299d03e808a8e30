//! Tests of the package: the programs that it installs, the dependencies of the library alone, and what cites it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Returns the output of cargo, which fetches nothing.
fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).arg("--offline").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// `cargo install --path .` puts the programs of the package on the PATH: `runner` alone.
#[test]
fn runner_is_the_only_program_that_is_installed() {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
    let targets = metadata["packages"][0]["targets"].as_array().unwrap();
    let programs = targets.iter().filter(|target| target["kind"] == serde_json::json!(["bin"]));
    let names: Vec<&str> = programs.map(|target| target["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["runner"]);
}

#[test]
fn the_library_alone_has_no_dependency_of_the_program() {
    let dependencies = |more: &[&str]| -> Vec<String> {
        let tree = cargo(&[&["tree", "--locked", "--edges", "normal", "--prefix", "none"], more].concat());
        tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    let of_program =
        ["clap", "clap_complete", "clap_mangen", "comfy-table", "indicatif", "askama", "tracing-subscriber"];
    let (whole, library) = (dependencies(&[]), dependencies(&["--no-default-features"]));
    for name in of_program {
        assert!(whole.iter().any(|own| own == name), "the program needs {name}");
        assert!(!library.iter().any(|own| own == name), "the library needs no {name}");
    }
    assert!(library.iter().any(|own| own == "safetensors"));
}

#[test]
fn the_citation_has_the_version_of_the_package() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CITATION.cff")).unwrap();
    let version = format!("version: {}", env!("CARGO_PKG_VERSION"));
    assert!(text.lines().any(|line| line == version), "CITATION.cff has no line `{version}`");
}
