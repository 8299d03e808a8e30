//! The checks of a configuration whose corpus is rows of bits that are not music.

use super::error::ConfigError;
use super::key::display;
use super::keys::KEYS;
use super::value::Explicit;
use crate::music::RowFiles;
use serde_json::Value;
use std::path::Path;

/// The keys that have a meaning for music alone: pitches, time steps, songs, sound.
const OF_MUSIC: [&str; 20] = [
    "corpus.compat",
    "corpus.lowest_pitch",
    "corpus.highest_pitch",
    "corpus.planes",
    "corpus.steps_per_beat",
    "corpus.min_steps",
    "corpus.rounding",
    "corpus.drums",
    "corpus.sustain",
    "corpus.metres",
    "corpus.damaged",
    "corpus.split_by",
    "corpus.transpose",
    "corpus.stride",
    "train.batches",
    "train.skip_first_window",
    "sample.skip_empty",
    "sample.tempo",
    "sample.velocity",
    "sample.program",
];

/// Returns the files of the corpus if they are rows that are not music.
pub(super) fn row_files(explicit: &Explicit) -> Option<RowFiles> {
    RowFiles::at(Path::new(explicit.get("corpus.path")?.value.as_str()?))
}

/// Refuses keys that apply to music alone if they are set to other values than their defaults.
pub(super) fn check_rows(explicit: &Explicit) -> Result<(), ConfigError> {
    let fault = |path: &str, message: String, label: &str| {
        let mut error = match explicit.get(path) {
            Some(set) => ConfigError::at(&set.origin, message, label),
            None => ConfigError::new(message),
        };
        if let Some(corpus) = explicit.get("corpus.path") {
            error = error.related(&corpus.origin, "these rows of 0 and 1 are not music");
        }
        error
    };
    let timesteps = explicit.get("model.timesteps").map(|set| &set.value).filter(|value| **value != 1);
    if let Some(value) = timesteps {
        let message = format!("`model.timesteps` cannot be {} for rows of 0 and 1: a row has no time", display(value));
        return Err(fault("model.timesteps", message, "expected 1").help("leave it out: 1 is the default for rows"));
    }
    let default = |path: &str| KEYS.iter().find(|key| key.path == path).map(|key| Value::from(key.default));
    for path in OF_MUSIC {
        let Some(set) = explicit.get(path).filter(|set| Some(&set.value) != default(path).as_ref()) else { continue };
        let message =
            format!("`{path}` cannot be {} for rows of 0 and 1: it applies to music alone", display(&set.value));
        return Err(fault(path, message, "not for this corpus").help("leave it out"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::to_npy;
    use crate::sweep::SweepConfig;
    use crate::testing::random_bits;

    fn resolved(folder: &Path, text: &str) -> Result<crate::sweep::RunParameters, String> {
        let text = format!("{text}\n[corpus]\npath = \"rows.npy\"\n");
        let sweep = SweepConfig::from_text(
            Some((folder.join("sweep.toml"), text)).as_ref().map(|(a, b)| (a.as_path(), b.clone())),
            &[],
        );
        sweep.and_then(|sweep| sweep.base(None)).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_have_one_time_step_and_no_keys_of_music() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rows.npy"), to_npy(&random_bits(1, 9, 5, 0.5))).unwrap();
        assert_eq!(resolved(folder.path(), "").unwrap().model.timesteps, 1);
        // The default of music may stand there; so may a likelihood that a layer of unknown width may allow.
        let text = "model.timesteps = 1\nmodel.hidden = 300\nevaluate.log_likelihood = \"exact\"\nsample.tempo = 120";
        assert!(resolved(folder.path(), text).is_ok());
        let fault = resolved(folder.path(), "model.timesteps = 4").unwrap_err();
        assert!(fault.contains("`model.timesteps` cannot be 4 for rows of 0 and 1"), "{fault}");
        for path in OF_MUSIC {
            assert!(KEYS.iter().any(|key| key.path == path), "{path}");
        }
        let fault = resolved(folder.path(), "sample.tempo = 90").unwrap_err();
        assert!(fault.contains("`sample.tempo` cannot be 90") && fault.contains("music alone"), "{fault}");
    }
}
