//! `runner man`: manual pages, made of the same text as `--help`.

use crate::cli::arguments::Verbosity;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::console::{print, start_logging};
use crate::sweep::{StoreError, create_folder};
use clap::{Args, Command};
use std::path::PathBuf;

/// Arguments of `runner man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner man > runner.1\n  runner man --out ~/.local/share/man/man1")]
pub(in crate::cli) struct ManArguments {
    /// Write the pages of the program and of each verb into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(in crate::cli) fn run(arguments: &ManArguments, program: Command) -> Result<Exit, CliError> {
    start_logging(Verbosity::default());
    if let Some(folder) = &arguments.out {
        create_folder(folder)?;
        clap_mangen::generate_to(program, folder).map_err(StoreError::at("cannot write manual pages to", folder))?;
        return Ok(Exit::Done);
    }
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _ = clap_mangen::Man::new(program).render(&mut page);
    print(&String::from_utf8_lossy(&page), Exit::Done)
}
