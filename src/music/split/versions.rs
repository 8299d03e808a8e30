//! Versions: songs that share much of their content, such as a tune with and without its chords.

use crate::music::corpus::Corpus;
use crate::music::piano_roll::{PianoRoll, Plane};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The number of beats in a passage: a bar of four.
const BEATS: usize = 4;
/// The number of different pitches that the top line of a passage has at least to count. A held note is no tune.
const PITCHES_OF_A_LINE: usize = 3;
/// The number of songs beyond which a passage is commonplace: it makes none of them versions of one another.
const COMMONPLACE: usize = 100;

/// The passages of the corpora in use, by the digest of the corpus and the steps of a beat. Every run of a sweep asks for
/// them again.
static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

/// The passages of several corpora.
type Known = HashMap<(String, u32), Arc<Passages>>;

/// The passages of each song: of its cells, and of its top line.
#[derive(Debug)]
pub(crate) struct Passages {
    whole: Vec<Vec<u64>>,
    top: Vec<Vec<u64>>,
    tunes: OnceLock<Vec<usize>>,
}

impl Passages {
    /// The share of the passages of the shorter of two songs that makes them versions of one another if they have it in
    /// common.
    pub(crate) const SHARED: f64 = 0.5;

    /// Returns the passages of a corpus, read once for each digest.
    pub(crate) fn of(corpus: &Corpus, steps_per_beat: u32) -> Arc<Self> {
        let key = (corpus.digest.clone(), steps_per_beat);
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if corpus.digest.is_empty() {
            return Arc::new(Self::read(corpus, steps_per_beat));
        }
        if let Some(passages) = known().get_or_insert_default().get(&key) {
            return Arc::clone(passages);
        }
        let passages = Arc::new(Self::read(corpus, steps_per_beat));
        known().get_or_insert_default().insert(key, Arc::clone(&passages));
        passages
    }

    /// Reads the passages of four beats that begin at each step, silent ones aside; of a shorter song the whole of it.
    fn read(corpus: &Corpus, steps_per_beat: u32) -> Self {
        let steps = BEATS * steps_per_beat.max(1) as usize;
        // A number for each different time step, in the order in which they occur; 0 is silence.
        let mut numbers: HashMap<&[u64], u64> = HashMap::new();
        let mut whole = Vec::with_capacity(corpus.songs.len());
        let mut top = Vec::with_capacity(corpus.songs.len());
        for song in &corpus.songs {
            let roll = &song.roll;
            let line: Vec<u64> = (0..roll.steps())
                .map(|step| {
                    let cells = roll.cells.row(step);
                    let next = numbers.len() as u64 + 1;
                    if cells.iter().all(|&word| word == 0) { 0 } else { *numbers.entry(cells).or_insert(next) }
                })
                .collect();
            whole.push(passages(&line, steps, 1));
            top.push(if corpus.layout.is_music() {
                passages(&top_line(roll), steps, PITCHES_OF_A_LINE)
            } else {
                vec![]
            });
        }
        Self { whole, top, tunes: OnceLock::new() }
    }

    /// Returns the number of the tune of each song: songs that are versions of one another, directly or through others,
    /// have the same. Tunes are numbered in the order of their first songs.
    pub(crate) fn tunes(&self) -> &[usize] {
        self.tunes.get_or_init(|| {
            let mut tunes = Tunes { parent: (0..self.whole.len()).collect() };
            for line in [&self.whole, &self.top] {
                join_versions(line, &mut tunes);
            }
            let mut known = HashMap::new();
            let number = |song| {
                let next = known.len();
                *known.entry(tunes.root(song)).or_insert(next)
            };
            (0..self.whole.len()).map(number).collect()
        })
    }

    /// Returns the share of the passages of the songs held out, each counted once a song, that also stand in a song
    /// trained on: of their cells or of their top lines, the greater. `None` if nothing is held out.
    pub(crate) fn in_training(&self, training: &[usize], held_out: &[usize]) -> Option<f64> {
        let share = |line: &[Vec<u64>]| {
            let known: HashSet<u64> = training.iter().flat_map(|&song| &line[song]).copied().collect();
            let all = || held_out.iter().flat_map(|&song| &line[song]);
            let count = all().count();
            (count > 0).then(|| all().filter(|passage| known.contains(passage)).count() as f64 / count as f64)
        };
        let shares = [&self.whole, &self.top].map(|line| share(line));
        shares.into_iter().flatten().max_by(f64::total_cmp)
    }
}

/// Joins the songs that share enough of the passages of one line.
fn join_versions(of_songs: &[Vec<u64>], tunes: &mut Tunes) {
    let mut songs_with: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut equal: HashMap<&[u64], usize> = HashMap::new();
    for (song, passages) in of_songs.iter().enumerate().filter(|(_, passages)| !passages.is_empty()) {
        // Songs with the same passages are joined at once: copies of a song do not make its passages commonplace.
        if let Some(&first) = equal.get(passages.as_slice()) {
            tunes.join(first, song);
            continue;
        }
        equal.insert(passages, song);
        for &passage in passages {
            songs_with.entry(passage).or_default().push(song);
        }
    }
    for (song, passages) in of_songs.iter().enumerate() {
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for others in passages.iter().filter_map(|passage| songs_with.get(passage)) {
            if others.len() <= COMMONPLACE && others.contains(&song) {
                others.iter().filter(|&&other| other > song).for_each(|&other| *shared.entry(other).or_default() += 1);
            }
        }
        for (other, count) in shared {
            let shorter = passages.len().min(of_songs[other].len());
            if count as f64 >= Passages::SHARED * shorter as f64 {
                tunes.join(song, other);
            }
        }
    }
}

/// Returns the different passages of a line of `steps` steps that have at least `least` different values besides 0, as
/// hashes in ascending order.
fn passages(line: &[u64], steps: usize, least: usize) -> Vec<u64> {
    let has_enough = |passage: &&[u64]| {
        let mut values: Vec<u64> = passage.iter().copied().filter(|&value| value != 0).collect();
        values.sort_unstable();
        values.dedup();
        values.len() >= least
    };
    let mut found: Vec<u64> = line.windows(steps.min(line.len()).max(1)).filter(has_enough).map(hash).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Returns a hash of a passage: the first eight bytes of BLAKE3, the same on every system.
fn hash(passage: &[u64]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for value in passage {
        hasher.update(&value.to_le_bytes());
    }
    let bytes = hasher.finalize();
    bytes.as_bytes()[..8].iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Returns the highest pitch that sounds at each step, and one; 0 for silence.
fn top_line(roll: &PianoRoll) -> Vec<u64> {
    let plane = if roll.layout.planes.contains(&Plane::Hold) { Plane::Hold } else { Plane::Onset };
    (0..roll.steps()).map(|step| u64::from(128 - roll.pitches_at(step, plane).leading_zeros())).collect()
}

/// Disjoint sets of songs.
struct Tunes {
    parent: Vec<usize>,
}

impl Tunes {
    /// Returns the first song of the set of a song.
    fn root(&mut self, mut song: usize) -> usize {
        while self.parent[song] != song {
            self.parent[song] = self.parent[self.parent[song]];
            song = self.parent[song];
        }
        song
    }

    /// Joins the sets of two songs under the earlier root, so that the outcome does not depend on the order of joins.
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::{Layout, Song};

    /// Returns a corpus of songs of one step a beat, from the pitches above 60 that sound at each step.
    fn corpus(songs: &[Vec<u128>]) -> Corpus {
        let layout = Layout { lowest_pitch: 60, highest_pitch: 100, planes: vec![Plane::Hold], units: None };
        let song = |steps: &Vec<u128>| {
            let mut roll = PianoRoll::silent(layout.clone(), steps.len());
            steps.iter().enumerate().for_each(|(step, &bits)| roll.fill_step(step, bits << 60, 0));
            Song { name: String::new(), roll, split: None }
        };
        Corpus { layout: layout.clone(), songs: songs.iter().map(song).collect(), files: vec![], digest: String::new() }
    }

    /// Returns a melody of 24 steps that depends on a number.
    fn melody(number: usize) -> Vec<u128> {
        (0..24).map(|step| 1 << (12 + (step * (number + 3) + step * step * (number + 1)) % 23)).collect()
    }

    #[test]
    fn versions_share_passages_and_other_songs_do_not() {
        let with_chords: Vec<u128> = melody(0).iter().map(|&own| own | 0b1001_0001).collect();
        let beginning = melody(1)[..12].to_vec();
        let medley = [&melody(2)[4..], &melody(3)[4..]].concat();
        let songs = [melody(0), melody(1), with_chords, beginning, melody(2), melody(3), medley, vec![0; 24]];
        let passages = Passages::read(&corpus(&songs), 1);
        // Chords below a melody, the beginning of a song, and a medley that joins two songs are versions.
        assert_eq!(passages.tunes(), [0, 1, 0, 1, 2, 2, 2, 3]);
        // Of the shorter melody all passages stand in the longer one, of the other melody none.
        assert_eq!(passages.in_training(&[1], &[3]), Some(1.0));
        assert_eq!(passages.in_training(&[1], &[0]), Some(0.0));
        // Each has 21 passages; one top line of each has two pitches and does not count.
        assert_eq!(passages.in_training(&[3], &[0, 1]), Some(9.0 / 40.0));
        assert_eq!(passages.in_training(&[0], &[7]), None, "silence is not music");
        assert_eq!(passages.in_training(&[0], &[]), None);
    }

    /// Hundreds of copies of a song are one tune; a passage that all songs have makes none of them versions.
    #[test]
    fn copies_are_one_tune_and_commonplaces_none() {
        let copies: Vec<Vec<u128>> = (0..300).map(|_| melody(0)).collect();
        assert_eq!(Passages::read(&corpus(&copies), 1).tunes(), [0; 300]);
        let chorus = [1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4];
        let songs: Vec<Vec<u128>> = (0..120).map(|song| [&chorus[..], &[(song + 1) << 4]].concat()).collect();
        assert_eq!(Passages::read(&corpus(&songs), 1).tunes().iter().max(), Some(&119));
        assert_eq!(Passages::read(&corpus(&songs[..90]), 1).tunes(), [0; 90]);
    }
}
