//! The identity of a run or of its training.

use crate::sweep::config::KEYS;
use crate::train::TrainOptions;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of the identity. A key that is added to it later stays out of it at its default.
const SCHEMA: u32 = 1;

/// The number of hexadecimal digits of a `run_id`.
const DIGITS: usize = 12;

/// Returns the identity of a run: twelve hexadecimal digits of BLAKE3 over the canonical JSON (keys sorted, no spaces,
/// shortest numbers) of the version, the parameters by their dotted keys, the digest of the corpus, and the seed.
pub fn run_id_of<'a>(
    parameters: impl IntoIterator<Item = (&'a str, &'a Value)>,
    corpus_digest: &str,
    seed: u64,
) -> String {
    hash(parameters.into_iter().collect(), corpus_digest, seed).to_hex()[..DIGITS].to_owned()
}

/// Returns the identity of the training of a run: as [`run_id_of`], but over those parameters alone that training and
/// the evaluations during it depend on. Runs of the same training have the same model and the same curves.
pub fn training_id_of<'a>(
    parameters: impl IntoIterator<Item = (&'a str, &'a Value)>,
    corpus_digest: &str,
    seed: u64,
) -> String {
    let after = |path: &str| KEYS.iter().any(|key| key.after_training && key.path == path);
    hash(parameters.into_iter().filter(|(path, _)| !after(path)).collect(), corpus_digest, seed).to_hex().to_string()
}

/// Returns the identity of the course of a run's training: as [`training_id_of`], but without the number of its epochs
/// where no update depends on it. Of two runs of one course the longer makes the updates of the shorter first.
pub(super) fn course_id_of<'a>(
    parameters: impl IntoIterator<Item = (&'a str, &'a Value)>,
    train: &TrainOptions,
    corpus_digest: &str,
    seed: u64,
) -> String {
    let left_out = |path: &str| path == "train.stop_after" || path == "train.epochs" && !train.depends_on_epochs();
    let own = parameters.into_iter().filter(|(path, _)| !left_out(path));
    training_id_of(own, corpus_digest, seed)[..DIGITS].to_owned()
}

fn hash(parameters: BTreeMap<&str, &Value>, corpus_digest: &str, seed: u64) -> blake3::Hash {
    /// The fields stand in the order of their names.
    #[derive(Serialize)]
    struct Identity<'a> {
        corpus: &'a str,
        parameters: BTreeMap<&'a str, &'a Value>,
        schema: u32,
        seed: String,
    }
    let identity = Identity { corpus: corpus_digest, parameters, schema: SCHEMA, seed: seed.to_string() };
    let json = serde_json::to_vec(&identity).unwrap_or_else(|error| panic!("an identity is plain JSON: {error}"));
    blake3::hash(&json)
}
