//! `runner man`: manual pages, made of the same text as `--help`.

use super::console::{failure, print, start_logging};
use super::{Cli, EXIT_OK, Verbosity};
use crate::sweep::{StoreError, create_folder};
use clap::{Args, CommandFactory as _};
use std::path::PathBuf;

/// Arguments of `runner man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner man > runner.1\n  runner man --out ~/.local/share/man/man1")]
pub(super) struct ManArguments {
    /// Write the pages of the program and of each verb into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &ManArguments) -> u8 {
    start_logging(Verbosity::default());
    let command = Cli::command();
    if let Some(folder) = &arguments.out {
        let written = create_folder(folder).and_then(|()| {
            clap_mangen::generate_to(command, folder).map_err(StoreError::at("cannot write manual pages to", folder))
        });
        return written.map_or_else(|error| failure(&error), |()| EXIT_OK);
    }
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _ = clap_mangen::Man::new(command).render(&mut page);
    print(&String::from_utf8_lossy(&page), EXIT_OK)
}
