//! Duplicates: songs, windows or steps that occur more than once, within a split or across splits.
//!
//! A model has seen held-out music that also occurs in the training split, so its likelihood says less about unseen
//! music. Two items are equal if all their cells are. Silent windows equal each other like any others, and are also
//! counted apart.

use crate::engine::BitMatrix;
use crate::music::piano_roll::{PianoRoll, Windows, pitch_range, transposed};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::hash::Hash;

/// One value for each split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splits<T> {
    /// The value of the split that is trained on.
    pub training: T,
    /// The value of the split by which models are chosen.
    pub validation: T,
    /// The value of the split by which the chosen model is judged.
    pub test: T,
}

/// The duplicates in a split corpus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// The repeats among whole songs.
    pub songs: Repeats,
    /// The repeats among whole songs, where a song equals its transpositions.
    pub songs_transposed: Repeats,
    /// The repeats among windows, including the transposed and overlapping ones that training has.
    pub windows: Repeats,
    /// The repeats among single time steps of the songs.
    pub steps: Repeats,
}

/// The repeats in each of the splits.
pub type Repeats = Splits<SplitRepeats>;

/// The repeats in one split: numbers of songs, windows or steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitRepeats {
    /// The number of all.
    pub count: usize,
    /// The number without a note.
    pub silent: usize,
    /// The number equal to an earlier one in the same split.
    pub repeated: usize,
    /// The number that also occur in the training split; `None` for the training split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_training: Option<usize>,
    /// The number that also occur in the validation split; only for the test split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_validation: Option<usize>,
}

impl Duplicates {
    /// Counts the duplicates among the songs and the windows of each split, all of one layout.
    pub fn of(songs: &Splits<Vec<&PianoRoll>>, windows: &Splits<&Windows>) -> Self {
        Self {
            songs: repeats(&songs.map(|rolls| rolls.iter().map(|roll| cells(roll)).collect())),
            songs_transposed: repeats(
                &songs.map(|rolls| rolls.iter().map(|roll| cells(&to_lowest(roll)).to_vec()).collect()),
            ),
            windows: repeats(&windows.map(|windows| rows(&windows.bits).collect())),
            steps: repeats(&songs.map(|rolls| rolls.iter().flat_map(|roll| rows(&roll.cells)).collect())),
        }
    }
}

impl<T> Splits<T> {
    /// Applies a function to the value of every split.
    pub fn map<'a, U>(&'a self, function: impl Fn(&'a T) -> U) -> Splits<U> {
        Splits {
            training: function(&self.training),
            validation: function(&self.validation),
            test: function(&self.test),
        }
    }
}

/// Returns the rows of a matrix, each as its words.
fn rows(matrix: &BitMatrix) -> impl Iterator<Item = &[u64]> {
    (0..matrix.rows()).map(|row| matrix.row(row))
}

/// Returns all cells of a song as words.
fn cells(roll: &PianoRoll) -> &[u64] {
    roll.cells.words()
}

/// Transposes a song as low as its layout allows, which makes all transpositions of one song equal.
fn to_lowest(roll: &PianoRoll) -> PianoRoll {
    let by = pitch_range(roll).map_or(0, |(lowest, _)| roll.layout.lowest_pitch as i8 - lowest as i8);
    transposed(roll, by).expect("no note is below the lowest")
}

/// Counts the repeats among rows of words. The hash sets are only asked for membership, so their order does not matter.
fn repeats<Row: AsRef<[u64]> + Eq + Hash>(rows: &Splits<Vec<Row>>) -> Repeats {
    let seen = rows.map(|rows| rows.iter().collect::<HashSet<&Row>>());
    let own = |rows: &Vec<Row>, distinct: &HashSet<&Row>| SplitRepeats {
        count: rows.len(),
        silent: rows.iter().filter(|row| row.as_ref().iter().all(|&word| word == 0)).count(),
        repeated: rows.len() - distinct.len(),
        in_training: None,
        in_validation: None,
    };
    let within = |rows: &[Row], set: &HashSet<&Row>| Some(rows.iter().filter(|row| set.contains(row)).count());
    Splits {
        training: own(&rows.training, &seen.training),
        validation: SplitRepeats {
            in_training: within(&rows.validation, &seen.training),
            ..own(&rows.validation, &seen.validation)
        },
        test: SplitRepeats {
            in_training: within(&rows.test, &seen.training),
            in_validation: within(&rows.test, &seen.validation),
            ..own(&rows.test, &seen.test)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Duplicates, SplitRepeats, Splits};
    use crate::music::{Layout, PianoRoll, Plane, Windows};

    fn song(steps: &[u128]) -> PianoRoll {
        let layout = Layout { lowest_pitch: 60, highest_pitch: 70, planes: vec![Plane::Hold], units: None };
        let mut roll = PianoRoll::silent(layout, steps.len());
        steps.iter().enumerate().for_each(|(step, &bits)| roll.fill_step(step, bits << 60, 0));
        roll
    }

    #[test]
    fn repeats_are_counted_within_and_across_splits() {
        let training = [song(&[1, 2, 1, 2]), song(&[4, 0, 4]), song(&[1, 2, 1, 2])];
        // The second is the first, a semitone higher. The third is a training song, three semitones higher.
        let validation = [song(&[1, 2, 8]), song(&[2, 4, 16]), song(&[32, 0, 32])];
        let test = [song(&[4, 0, 4]), song(&[1, 2, 8]), song(&[])];
        let songs: Splits<Vec<&PianoRoll>> = Splits {
            training: training.iter().collect(),
            validation: validation.iter().collect(),
            test: test.iter().collect(),
        };
        let windows = songs.map(|rolls| Windows::cut(&training[0].layout, rolls.iter().copied(), 2));
        let found = Duplicates::of(&songs, &windows.map(|windows| windows));
        let split = |count, silent, repeated, in_training, in_validation| SplitRepeats {
            count,
            silent,
            repeated,
            in_training,
            in_validation,
        };
        assert_eq!(found.songs.training, split(3, 0, 1, None, None));
        assert_eq!(found.songs.validation, split(3, 0, 0, Some(0), None));
        assert_eq!(found.songs.test, split(3, 1, 0, Some(1), Some(1)));
        assert_eq!(found.songs_transposed.validation, split(3, 0, 1, Some(1), None));
        assert_eq!(found.songs_transposed.test, split(3, 1, 0, Some(1), Some(2)));
        // Training: 12 12 | 40 | 12 12; validation: 12 | 24 | 32 0; test: 40 | 12.
        assert_eq!(found.windows.training, split(5, 0, 3, None, None));
        assert_eq!(found.windows.validation, split(3, 0, 0, Some(1), None));
        assert_eq!(found.windows.test, split(2, 0, 0, Some(2), Some(1)));
        assert_eq!(found.steps.training, split(11, 1, 7, None, None));
        assert_eq!(found.steps.validation, split(9, 1, 2, Some(5), None));
        assert_eq!(found.steps.test, split(6, 1, 1, Some(5), Some(6)));
    }
}
