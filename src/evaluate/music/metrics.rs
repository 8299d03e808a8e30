//! The music metrics of piano rolls.

use super::pieces::PieceMetrics;
use crate::engine::BitMatrix;
use crate::music::builtin::Mode;
use crate::music::{Layout, PianoRoll, Plane, notes, roll_from_bits};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The music metrics of one or several piano rolls.
///
/// A cell *sounds* if its hold cell is on or, in a layout without the hold plane, its onset cell. Notes are those of
/// [`notes`]. Counts of several rolls are pooled before they are divided, so every step, cell or note has the same
/// weight. The two tonal metrics are means over rolls instead, since each roll has its own key. Polyphony, scale
/// consistency and pitch-class entropy of a single roll are those of the Python package MusPy (Dong et al., "MusPy: A
/// Toolkit for Symbolic Music Generation", 2020).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MusicMetrics {
    /// The number of piano rolls.
    pub rolls: u64,
    /// The number of time steps in all rolls.
    pub steps: u64,
    /// The number of notes in all rolls.
    pub notes: u64,
    /// The share of the cells of the hold plane that are on, 0 to 1; `None` without cells.
    pub hold_density: Option<f64>,
    /// The share of the cells of the onset plane that are on, 0 to 1; `None` without cells.
    pub onset_density: Option<f64>,
    /// The mean number of sounding pitches over the steps at which at least one sounds; `None` without such steps.
    pub polyphony: Option<f64>,
    /// The share of the steps at which nothing sounds, 0 to 1; `None` without steps.
    pub silent_rows: Option<f64>,
    /// The mean length of a note in steps; `None` without notes.
    pub note_length: Option<f64>,
    /// The share of the notes that last one step, 0 to 1; `None` without notes.
    pub one_step_notes: Option<f64>,
    /// The share of the onset cells that are on whose hold cell (same step and pitch) is off: strokes without a note.
    /// It is 0 in every roll read from MIDI. `None` without onsets, or without both planes.
    pub onset_without_attack: Option<f64>,
    /// The share of the notes whose first onset cell is off: notes without a stroke. Notes at the first step of a roll
    /// do not count, since a window may begin in the middle of one. It is 0 in every roll read from MIDI. `None`
    /// without notes that count, or without both planes.
    pub attack_without_onset: Option<f64>,
    /// The largest share of notes within one of the twelve major and twelve natural minor scales, 0 to 1. The mean over
    /// rolls that have notes; `None` without any.
    pub scale_consistency: Option<f64>,
    /// The entropy of the distribution of notes over the twelve pitch classes, in bits, 0 to log2(12). The mean over
    /// rolls that have notes; `None` without any.
    pub pitch_class_entropy: Option<f64>,
    /// The metrics of whole pieces, if the rolls are windows of at least two bars; absent otherwise.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<PieceMetrics>,
}

impl MusicMetrics {
    /// Measures one roll.
    pub fn of_roll(roll: &PianoRoll) -> Self {
        Self::pool(&[Tally::of(roll)])
    }

    /// Measures several rolls.
    pub fn of_rolls(rolls: &[PianoRoll]) -> Self {
        let tallies: Vec<Tally> = rolls.par_iter().map(Tally::of).collect();
        Self::pool(&tallies)
    }

    /// Measures windows of bits (windows × timesteps · columns of the layout, time outer).
    pub fn of_windows(layout: &Layout, timesteps: usize, windows: &BitMatrix) -> Self {
        let tally = |window| Tally::of(&roll_from_bits(layout, timesteps, windows.row(window)));
        let tallies: Vec<Tally> = (0..windows.rows()).into_par_iter().map(tally).collect();
        Self::pool(&tallies)
    }

    /// Adds the metrics of whole pieces of the same windows, where they are long enough.
    pub fn with_pieces(self, layout: &Layout, timesteps: usize, steps_per_beat: u32, windows: &BitMatrix) -> Self {
        Self { pieces: PieceMetrics::of_windows(layout, timesteps, steps_per_beat, windows), ..self }
    }

    fn pool(tallies: &[Tally]) -> Self {
        let sum = |count: fn(&Tally) -> u64| tallies.iter().map(count).sum::<u64>();
        // The sum is in the order of the rolls, so that it does not depend on threads.
        let mean = |metric: fn(&Tally) -> Option<f64>| {
            let values: Vec<f64> = tallies.iter().filter_map(metric).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let (steps, notes) = (sum(|tally| tally.steps), sum(|tally| tally.notes));
        let sounding_steps = sum(|tally| tally.sounding_steps);
        Self {
            rolls: tallies.len() as u64,
            steps,
            notes,
            hold_density: ratio(sum(|tally| tally.hold_ones), sum(|tally| tally.hold_cells)),
            onset_density: ratio(sum(|tally| tally.onset_ones), sum(|tally| tally.onset_cells)),
            polyphony: ratio(sum(|tally| tally.sounding_ones), sounding_steps),
            silent_rows: ratio(steps - sounding_steps, steps),
            note_length: ratio(sum(|tally| tally.note_steps), notes),
            one_step_notes: ratio(sum(|tally| tally.one_step_notes), notes),
            onset_without_attack: ratio(sum(|tally| tally.onsets_without_attack), sum(|tally| tally.comparable_onsets)),
            attack_without_onset: ratio(
                sum(|tally| tally.attacks_without_onset),
                sum(|tally| tally.comparable_attacks),
            ),
            scale_consistency: mean(|tally| scale_consistency(&tally.pitch_classes)),
            pitch_class_entropy: mean(|tally| pitch_class_entropy(&tally.pitch_classes)),
            pieces: None,
        }
    }
}

/// The counts of one roll, from which every metric is computed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    steps: u64,
    hold_cells: u64,
    hold_ones: u64,
    onset_cells: u64,
    onset_ones: u64,
    sounding_ones: u64,
    sounding_steps: u64,
    notes: u64,
    note_steps: u64,
    one_step_notes: u64,
    /// The onsets, if the layout has both planes.
    comparable_onsets: u64,
    /// The comparable onsets whose hold cell is off.
    onsets_without_attack: u64,
    /// The notes after the first step, if the layout has both planes.
    comparable_attacks: u64,
    /// The comparable notes whose onset cell is off.
    attacks_without_onset: u64,
    /// The notes of each pitch class.
    pitch_classes: [u64; 12],
}

impl Tally {
    fn of(roll: &PianoRoll) -> Self {
        let has = |plane| roll.layout.planes.contains(&plane);
        let has_both = has(Plane::Hold) && has(Plane::Onset);
        let sounding_plane = if has(Plane::Hold) { Plane::Hold } else { Plane::Onset };
        let cells = |plane| u64::from(has(plane)) * (roll.steps() * roll.layout.pitches()) as u64;
        let mut tally = Self {
            steps: roll.steps() as u64,
            hold_cells: cells(Plane::Hold),
            onset_cells: cells(Plane::Onset),
            ..Self::default()
        };
        for step in 0..roll.steps() {
            let hold = roll.pitches_at(step, Plane::Hold);
            let onset = roll.pitches_at(step, Plane::Onset);
            let sounding = roll.pitches_at(step, sounding_plane);
            tally.hold_ones += u64::from(hold.count_ones());
            tally.onset_ones += u64::from(onset.count_ones());
            tally.sounding_ones += u64::from(sounding.count_ones());
            tally.sounding_steps += u64::from(sounding != 0);
            if has_both {
                tally.comparable_onsets += u64::from(onset.count_ones());
                tally.onsets_without_attack += u64::from((onset & !hold).count_ones());
            }
        }
        for note in notes(roll) {
            let length = note.end - note.start;
            tally.notes += 1;
            tally.note_steps += length as u64;
            tally.one_step_notes += u64::from(length == 1);
            tally.pitch_classes[usize::from(note.pitch % 12)] += 1;
            if has_both && note.start > 0 {
                let struck = roll.pitches_at(note.start, Plane::Onset) >> note.pitch & 1 == 1;
                tally.comparable_attacks += 1;
                tally.attacks_without_onset += u64::from(!struck);
            }
        }
        tally
    }
}

/// Returns `part / whole`; `None` if the whole is 0.
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Returns the largest share of notes within one of the 24 scales.
fn scale_consistency(pitch_classes: &[u64; 12]) -> Option<f64> {
    let notes: u64 = pitch_classes.iter().sum();
    let within = |tonic: usize, mode: Mode| -> u64 {
        let classes = mode.intervals().map(|interval| (tonic + usize::from(interval)) % 12);
        classes.iter().map(|&class| pitch_classes[class]).sum()
    };
    let scales = (0..12).flat_map(|tonic| [(tonic, Mode::Major), (tonic, Mode::Minor)]);
    let best = scales.map(|(tonic, mode)| within(tonic, mode)).max();
    ratio(best.unwrap_or_default(), notes)
}

/// Returns −Σ p log2 p over the pitch classes that have notes, in bits.
fn pitch_class_entropy(pitch_classes: &[u64; 12]) -> Option<f64> {
    let notes: u64 = pitch_classes.iter().sum();
    let terms = pitch_classes.iter().filter(|&&count| count > 0).map(|&count| {
        let share = count as f64 / notes as f64;
        share * libm::log2(share)
    });
    // 0 − x rather than −x: the entropy of a single pitch class is 0, not −0.
    (notes > 0).then(|| 0.0 - terms.sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::{CorpusOptions, Windows, midi::MidiFile, read_midi};

    /// Returns a roll of the pitches from C4 (60) up, one string a pitch: `O` hold and onset, `=` hold, `.` silence,
    /// `o` an onset without hold.
    fn roll(pitches: &[&str]) -> PianoRoll {
        let layout = Layout {
            lowest_pitch: 60,
            highest_pitch: 60 + pitches.len() as u8,
            planes: vec![Plane::Hold, Plane::Onset],
            units: None,
        };
        let mut roll = PianoRoll::silent(layout, pitches[0].len());
        for (index, cells) in pitches.iter().enumerate() {
            for (step, cell) in cells.bytes().enumerate() {
                roll.cells.set(step, index, matches!(cell, b'O' | b'='));
                roll.cells.set(step, pitches.len() + index, matches!(cell, b'O' | b'o'));
            }
        }
        roll
    }

    /// Returns a roll of three pitches (C, C sharp, D) and ten steps.
    fn example() -> PianoRoll {
        roll(&["O==O=.....", "==..=..o..", "....O.O..."])
    }

    /// Counted by hand. Notes: C of 3 steps, C of 2 (struck again), C sharp of 2 (from the first step on, not struck),
    /// C sharp of 1 (not struck), D of 1, D of 1. Sounding steps: 0 to 4 and 6.
    #[test]
    fn metrics_by_hand() {
        let metrics = MusicMetrics::of_roll(&example());
        assert_eq!((metrics.rolls, metrics.steps, metrics.notes), (1, 10, 6));
        assert_eq!(metrics.hold_density, Some(10.0 / 30.0));
        assert_eq!(metrics.onset_density, Some(5.0 / 30.0));
        assert_eq!(metrics.polyphony, Some(10.0 / 6.0));
        assert_eq!(metrics.silent_rows, Some(4.0 / 10.0));
        assert_eq!(metrics.note_length, Some(10.0 / 6.0));
        assert_eq!(metrics.one_step_notes, Some(3.0 / 6.0));
        // One of five onsets, at step 7, has no hold.
        assert_eq!(metrics.onset_without_attack, Some(1.0 / 5.0));
        // One of the four notes after the first step, at step 4, has no onset.
        assert_eq!(metrics.attack_without_onset, Some(1.0 / 4.0));
        // C and D are in C major; no scale holds C, C sharp and D.
        assert_eq!(metrics.scale_consistency, Some(4.0 / 6.0));
        // Three pitch classes of two notes each.
        assert!((metrics.pitch_class_entropy.unwrap() - libm::log2(3.0)).abs() < 1e-15);
    }

    #[test]
    fn counts_pool_and_tonal_metrics_are_means() {
        // Two notes of one pitch: entropy 0, all in scale.
        let other = roll(&["O=O=", "....", "...."]);
        let silent = roll(&["....", "....", "...."]);
        let metrics = MusicMetrics::of_rolls(&[example(), other.clone(), silent]);
        assert_eq!((metrics.rolls, metrics.steps, metrics.notes), (3, 18, 8));
        assert_eq!(metrics.polyphony, Some(14.0 / 10.0));
        assert_eq!(metrics.silent_rows, Some(8.0 / 18.0));
        assert_eq!(metrics.note_length, Some(14.0 / 8.0));
        assert_eq!(metrics.one_step_notes, Some(3.0 / 8.0));
        assert_eq!(metrics.onset_without_attack, Some(1.0 / 7.0));
        assert_eq!(metrics.attack_without_onset, Some(1.0 / 5.0));
        // The silent roll does not count.
        assert_eq!(metrics.scale_consistency, Some(f64::midpoint(4.0 / 6.0, 1.0)));
        assert!((metrics.pitch_class_entropy.unwrap() - libm::log2(3.0) / 2.0).abs() < 1e-15);
        let entropy = MusicMetrics::of_roll(&other).pitch_class_entropy.unwrap();
        assert!(entropy == 0.0 && entropy.is_sign_positive());
    }

    #[test]
    fn every_scale_counts() {
        let counts =
            |classes: &[usize]| -> [u64; 12] { std::array::from_fn(|class| u64::from(classes.contains(&class))) };
        // E flat major and C minor; A natural minor; A harmonic minor, with six of its seven tones in A natural minor.
        assert_eq!(scale_consistency(&counts(&[3, 5, 7, 8, 10, 0, 2])), Some(1.0));
        assert_eq!(scale_consistency(&counts(&[9, 11, 0, 2, 4, 5, 7])), Some(1.0));
        assert_eq!(scale_consistency(&counts(&[9, 11, 0, 2, 4, 5, 8])), Some(6.0 / 7.0));
        assert_eq!(scale_consistency(&[1; 12]), Some(7.0 / 12.0));
        assert_eq!(scale_consistency(&[0; 12]), None);
        assert!((pitch_class_entropy(&[3; 12]).unwrap() - libm::log2(12.0)).abs() < 1e-15);
        // 1/2, 1/4, 1/4: one and a half bits.
        assert_eq!(pitch_class_entropy(&[2, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0]), Some(1.5));
        assert_eq!(pitch_class_entropy(&[0; 12]), None);
    }

    #[test]
    fn what_is_undefined_is_null() {
        let silence = MusicMetrics::of_roll(&roll(&["....", "...."]));
        assert_eq!((silence.silent_rows, silence.hold_density), (Some(1.0), Some(0.0)));
        let json = serde_json::to_value(&silence).unwrap();
        for key in [
            "polyphony",
            "note_length",
            "one_step_notes",
            "onset_without_attack",
            "attack_without_onset",
            "scale_consistency",
            "pitch_class_entropy",
        ] {
            assert!(json[key].is_null(), "{key} = {}", json[key]);
        }
        let nothing = MusicMetrics::of_rolls(&[]);
        assert_eq!((nothing.silent_rows, nothing.hold_density, nothing.rolls), (None, None, 0));
    }

    #[test]
    fn a_single_plane_has_no_onsets_to_compare() {
        for (plane, notes, polyphony) in [(Plane::Hold, 2, 1.0), (Plane::Onset, 3, 1.0)] {
            let layout = Layout { lowest_pitch: 60, highest_pitch: 61, planes: vec![plane], units: None };
            let mut roll = PianoRoll::silent(layout, 5);
            for step in [0, 1, 3] {
                roll.cells.set(step, 0, true);
            }
            let metrics = MusicMetrics::of_roll(&roll);
            assert_eq!((metrics.notes, metrics.polyphony), (notes, Some(polyphony)));
            assert_eq!(metrics.silent_rows, Some(0.4));
            assert_eq!(metrics.onset_without_attack, None);
            assert_eq!(metrics.attack_without_onset, None);
            let densities = [metrics.hold_density, metrics.onset_density];
            assert_eq!(densities.map(|density| density.is_some()), [plane == Plane::Hold, plane == Plane::Onset]);
        }
    }

    #[test]
    fn windows_are_measured_as_their_rolls() {
        let roll = example();
        let windows = Windows::cut(&roll.layout, [&roll], 5);
        let rolls = [windows.roll(0), windows.roll(1)];
        let metrics = MusicMetrics::of_windows(&windows.layout, 5, &windows.bits);
        assert_eq!(metrics, MusicMetrics::of_rolls(&rolls));
        assert_eq!((metrics.rolls, metrics.steps), (2, 10));
    }

    /// The metrics of ten pop songs in the original's reading are those of MusPy 0.5, which are rounded to six
    /// decimals.
    #[test]
    fn metrics_are_those_of_muspy() {
        let folder = std::env::var_os("CHORDBENCH_DATA")
            .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data").into(), std::path::PathBuf::from);
        let Ok(expected) = std::fs::read(folder.join("pop-music-midi.muspy.json")) else {
            eprintln!("skipped: {} has no such data; CHORDBENCH_DATA names the folder", folder.display());
            return;
        };
        let expected: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&expected).unwrap();
        assert_eq!(expected.len(), 10);
        for (file, expected) in expected {
            let bytes = std::fs::read(folder.join("pop-music-midi").join(&file)).unwrap();
            let reading = read_midi(&MidiFile::parse(&bytes).unwrap(), &CorpusOptions::seed()).unwrap();
            let metrics = MusicMetrics::of_roll(&reading.roll);
            assert_eq!(Some(metrics.steps), expected["rows"].as_u64(), "{file}");
            assert_eq!(Some(metrics.notes), expected["notes"].as_u64(), "{file}");
            for (key, value) in [
                ("polyphony", metrics.polyphony),
                ("scale_consistency", metrics.scale_consistency),
                ("pitch_class_entropy", metrics.pitch_class_entropy),
            ] {
                let (value, expected) = (value.unwrap(), expected[key].as_f64().unwrap());
                assert!((value - expected).abs() <= 1e-6, "{file}: {key} {value}, MusPy {expected}");
            }
            assert_eq!(metrics.onset_without_attack, Some(0.0), "{file}");
            assert_eq!(metrics.attack_without_onset, Some(0.0), "{file}");
        }
    }
}
