//! The verbs that use a trained model.

use super::error::CliError;
use super::output::console::PROGRESS;
use crate::inspect::{find_model, results_folder};
use std::path::{Path, PathBuf};

pub(super) mod evaluate;
pub(super) mod sample;

/// The help of `--model`.
const MODEL_HELP: &str = "The model: a model file, the folder or the id of a run, or a sweep, which stands for its \
    best run. Ids and names of sweeps are looked up in the folder `results`";

/// Returns the model file that `--model` names, and logs the choice if there was one.
fn chosen_model(name: &Path) -> Result<PathBuf, CliError> {
    let chosen = find_model(name, &results_folder())?;
    if let Some(choice) = &chosen.choice {
        tracing::info!(target: PROGRESS, "{choice}");
    }
    Ok(chosen.path)
}
