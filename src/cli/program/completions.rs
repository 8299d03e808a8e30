//! `runner completions`: the script by which a shell completes the program's arguments.

use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use clap::{Args, Command};
use clap_complete::Shell;

/// Arguments of `runner completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner completions bash > ~/.local/share/bash-completion/completions/runner\n  \
    runner completions fish > ~/.config/fish/completions/runner.fish")]
pub(in crate::cli) struct CompletionsArguments {
    /// The shell.
    shell: Shell,
}

pub(in crate::cli) fn run(arguments: &CompletionsArguments, mut program: Command) -> Result<Exit, CliError> {
    start_logging(Verbosity::default());
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut program, "runner", &mut script);
    print(&String::from_utf8_lossy(&script), Exit::Done)
}
