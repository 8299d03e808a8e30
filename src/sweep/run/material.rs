//! The material of a run: the windows of its songs, with the baselines of their music. Runs of the same corpus, window
//! length and seed share it.

use crate::evaluate::music::{Baselines, Diversity, Harmonies, Nearest, chosen_windows, nearest_training_window};
use crate::music::{Corpus, CorpusOptions, Duplicates, Splits, Windows};
use crate::music::{Seen, SongSplit, SplitWindows};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The songs of a corpus, divided into splits and cut into windows.
#[derive(Debug)]
pub(crate) struct Material {
    /// The split of each song.
    pub(crate) split: SongSplit,
    /// The windows of each split.
    pub(crate) windows: SplitWindows,
    /// The windows that occur more than once.
    pub(crate) duplicates: Duplicates,
    /// The warnings about held-out music that also stands in training.
    pub(crate) seen: Vec<String>,
    steps_per_beat: u32,
    seed: u64,
    baselines: OnceLock<Baselines>,
    /// The harmonies of some training windows, with the mean distance between them.
    harmonies: OnceLock<(Harmonies, Option<f64>)>,
    /// The distances of held-out windows, with the number that was asked for.
    held_out_nearest: Mutex<Option<(usize, Arc<[Nearest]>)>>,
}

impl Material {
    fn new(corpus: &Corpus, options: &CorpusOptions, timesteps: usize, seed: u64) -> Self {
        let split = SongSplit::of(corpus, options, seed);
        let seen = Seen::warnings(corpus, &split, options);
        let windows = SplitWindows::cut(corpus, &split, options, timesteps);
        let duplicates = windows.duplicates(corpus, &split);
        Self {
            split,
            windows,
            duplicates,
            seen,
            steps_per_beat: options.steps_per_beat,
            seed,
            baselines: OnceLock::new(),
            harmonies: OnceLock::new(),
            held_out_nearest: Mutex::default(),
        }
    }

    /// Returns the baselines of the music metrics, drawn when first asked for.
    pub(crate) fn baselines(&self) -> &Baselines {
        self.baselines.get_or_init(|| {
            let Windows { layout, timesteps, bits, .. } = &self.windows.windows.training;
            Baselines::draw(layout, (*timesteps, self.steps_per_beat), bits, Baselines::ENOUGH_WINDOWS, self.seed)
        })
    }

    /// Compares the distances between samples with those between training windows; `None` without samples.
    pub(crate) fn diversity(&self, samples: &Harmonies) -> Option<Diversity> {
        let (training, distance) = self.harmonies.get_or_init(|| {
            let Windows { layout, timesteps, bits, .. } = &self.windows.windows.training;
            let training = Harmonies::chosen(layout, *timesteps, bits, self.seed);
            let distance = training.pairwise_distance();
            (training, distance)
        });
        Diversity::of(samples, training, *distance)
    }

    /// Returns the training windows nearest to `count` held-out windows drawn at random. The last answer is kept for
    /// runs that draw the same number of samples.
    pub(crate) fn held_out_nearest(&self, count: usize) -> Arc<[Nearest]> {
        let mut known = self.held_out_nearest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, nearest)) = known.as_ref().filter(|(own, _)| *own == count) {
            return Arc::clone(nearest);
        }
        let Splits { training, validation, .. } = &self.windows.windows;
        let chosen = validation.bits.gather(&chosen_windows(validation.len(), count, self.seed));
        let nearest: Arc<[Nearest]> = nearest_training_window(&chosen, &training.bits, None).into();
        *known = Some((count, Arc::clone(&nearest)));
        nearest
    }
}

/// The values that determine a [`Material`].
#[derive(Clone, Debug, PartialEq)]
struct Key {
    corpus: String,
    options: CorpusOptions,
    timesteps: usize,
    seed: u64,
}

/// A cache of the materials of the last runs.
#[derive(Debug, Default)]
pub(crate) struct MaterialCache {
    /// The entries, the last used last.
    entries: Mutex<Vec<(Key, Arc<OnceLock<Material>>)>>,
}

/// A material in use by a run.
#[derive(Debug)]
pub(crate) struct Shared(Arc<OnceLock<Material>>);

impl std::ops::Deref for Shared {
    type Target = Material;

    fn deref(&self) -> &Material {
        self.0.get().expect("it is made before it is shared")
    }
}

impl MaterialCache {
    /// The maximum number of entries kept. The window lengths of a sweep and the seeds of its replicates are few, or
    /// come in order.
    const KEPT: usize = 16;

    /// Returns the material for windows of `timesteps` steps, with a share of the songs held out by `seed`.
    pub(crate) fn get(&self, corpus: &Corpus, options: &CorpusOptions, timesteps: usize, seed: u64) -> Shared {
        let key = Key { corpus: corpus.digest.clone(), options: options.clone(), timesteps, seed };
        let entry = {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            let known = entries.iter().position(|(own, _)| *own == key);
            let (key, entry) = known.map_or_else(|| (key, Arc::default()), |place| entries.remove(place));
            entries.push((key, Arc::clone(&entry)));
            let excess = entries.len().saturating_sub(Self::KEPT);
            entries.drain(..excess);
            entry
        };
        // Outside the lock, so that runs with other material need not wait.
        entry.get_or_init(|| Material::new(corpus, options, timesteps, seed));
        Shared(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::{CorpusOptions, builtin};

    #[test]
    fn shared_material_is_that_of_its_own_making() {
        let corpus = Corpus::from_midi(&builtin::songs()[..12], &CorpusOptions::default(), &|_, _| {}).unwrap();
        let cache = MaterialCache::default();
        for (timesteps, validation, seed) in [(8, 0.2, 1), (8, 0.2, 2), (16, 0.2, 1), (8, 0.4, 1), (8, 0.2, 1)] {
            let options = CorpusOptions { validation, ..CorpusOptions::default() };
            let own = Material::new(&corpus, &options, timesteps, seed);
            let shared = cache.get(&corpus, &options, timesteps, seed);
            assert_eq!((&shared.split, &shared.windows), (&own.split, &own.windows));
            assert_eq!(shared.baselines(), own.baselines());
        }
        let options = CorpusOptions::default();
        let again = [0, 1].map(|_| cache.get(&corpus, &options, 8, 1));
        assert!(Arc::ptr_eq(&again[0].0, &again[1].0));
        for seed in 0..40 {
            cache.get(&corpus, &options, 8, seed);
        }
        assert_eq!(cache.entries.lock().unwrap().len(), MaterialCache::KEPT);
    }
}
