//! `runner man`: manual pages, made of the same text as `--help`.

use super::arguments::Verbosity;
use super::console::{print, start_logging};
use super::error::CliError;
use super::exit::Exit;
use crate::sweep::{StoreError, create_folder};
use clap::{Args, Command};
use std::path::PathBuf;

/// Arguments of `runner man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner man > runner.1\n  runner man --out ~/.local/share/man/man1")]
pub(super) struct ManArguments {
    /// Write the pages of the program and of each verb into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &ManArguments, program: Command) -> Result<Exit, CliError> {
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
