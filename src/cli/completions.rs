//! `runner completions`: what makes a shell complete the program's arguments.

use super::console::{print, start_logging};
use super::{Cli, EXIT_OK, Verbosity};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

/// Arguments of `runner completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner completions bash > ~/.local/share/bash-completion/completions/runner\n  \
    runner completions fish > ~/.config/fish/completions/runner.fish")]
pub(super) struct CompletionsArguments {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(arguments: &CompletionsArguments) -> u8 {
    start_logging(Verbosity::default());
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "runner", &mut script);
    print(&String::from_utf8_lossy(&script), EXIT_OK)
}
