//! The description of the build that the program reports: compiler, settings, commit.

use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let compiler = output(&rustc, &["--version"]).unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env=CHORDBENCH_RUSTC={compiler}");
    println!("cargo::rustc-env=CHORDBENCH_BUILD={}", build());
    println!("cargo::rustc-env=CHORDBENCH_GIT={}", commit().unwrap_or_else(|| "unknown".into()));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
    // A new commit moves one of these; outside a checkout neither exists, and nothing is watched.
    for name in ["HEAD", "logs/HEAD"] {
        let path = output("git", &["rev-parse", "--git-path", name]);
        if let Some(path) = path.filter(|path| std::path::Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

/// Returns the profile, level of optimisation, target and flags of this build.
fn build() -> String {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let flags = variable("CARGO_ENCODED_RUSTFLAGS").replace('\u{1f}', " ");
    let flags = if flags.is_empty() { "no flags".to_owned() } else { format!("flags {flags}") };
    format!("{}, opt-level {}, {}, {flags}", variable("PROFILE"), variable("OPT_LEVEL"), variable("TARGET"))
}

/// Returns the commit of the checkout, with `-dirty` after it if tracked files differ from it.
fn commit() -> Option<String> {
    let hash = output("git", &["rev-parse", "--short=12", "HEAD"])?;
    let changes = output("git", &["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changes.is_empty() { hash } else { format!("{hash}-dirty") })
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
