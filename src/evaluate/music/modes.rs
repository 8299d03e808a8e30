//! The modes of the built-in corpus, with which the samples of a run are compared.

use super::coverage::{Coverage, ModeDetector};
use crate::engine::BitMatrix;
use crate::music::builtin::{self, SongTruth};
use crate::music::{Corpus, CorpusOptions, Windows};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The seed of the choice of windows that a detector is tested on. It is not that of a run, since detectors belong to a
/// corpus.
const SEED: u64 = 0;

/// The detectors by corpus digest and window length. A detector is a function of these two and takes longer to make
/// than a small run takes to train, so the runs of a sweep share it.
static DETECTORS: Mutex<Option<Detectors>> = Mutex::new(None);

/// A detector for each corpus and window length; `None` if there cannot be one.
type Detectors = HashMap<(String, usize), Option<Arc<ModeDetector>>>;

/// Returns the modes that the samples (samples × timesteps · columns) reach; `None` unless the songs are the built-in
/// ones.
pub(crate) fn mode_coverage(
    options: &CorpusOptions,
    corpus: &Corpus,
    timesteps: usize,
    samples: &BitMatrix,
) -> Option<Coverage> {
    let is_builtin = options.path.is_none() && options.source == "builtin";
    if !is_builtin {
        return None;
    }
    let key = (corpus.digest.clone(), timesteps);
    let detector = {
        let mut detectors = DETECTORS.lock().unwrap_or_else(PoisonError::into_inner);
        // Other threads wait: making it twice would take longer.
        let detectors = detectors.get_or_insert_default();
        detectors.entry(key).or_insert_with(|| detector(corpus, timesteps).map(Arc::new)).clone()
    };
    detector?.coverage(samples)
}

/// Makes a detector for all windows of the built-in songs.
fn detector(corpus: &Corpus, timesteps: usize) -> Option<ModeDetector> {
    let manifest = builtin::manifest();
    let truth = |name: &str| manifest.iter().find(|truth| truth.file == name);
    let truths: Vec<&SongTruth> = corpus.songs.iter().map(|song| truth(&song.name)).collect::<Option<_>>()?;
    let windows = Windows::cut(&corpus.layout, corpus.songs.iter().map(|song| &song.roll), timesteps);
    ModeDetector::new(&windows, &truths, SEED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_built_in_songs_have_modes() {
        let options = CorpusOptions::default();
        let corpus = Corpus::from_midi(&builtin::songs(), &options, &|_, _| {}).unwrap();
        let windows = Windows::cut(&corpus.layout, corpus.songs.iter().map(|song| &song.roll), 30);
        let samples = windows.bits.gather(&[0, 50, 100]);
        let found = mode_coverage(&options, &corpus, 30, &samples).unwrap();
        assert_eq!(found.recognised, 1.0);
        assert_eq!(mode_coverage(&options, &corpus, 30, &samples), Some(found));
        let elsewhere = CorpusOptions { path: Some("folder".into()), ..options };
        assert_eq!(mode_coverage(&elsewhere, &corpus, 30, &samples), None);
    }
}
