//! The sketch: a piece of music with some cells given, the others open.

use super::builtin::Key;
use super::piano_roll::{Layout, Note, PianoRoll, Plane, notes};
use crate::engine::BitMatrix;

/// The notes of a piece that a sketch keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The notes above which nothing sounds when they are struck.
    Melody,
    /// The notes below which nothing sounds when they are struck.
    Bass,
    /// All notes.
    All,
}

/// A piece in which some cells are given, on or off, and the others are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// The values of the given cells; open cells are off.
    values: PianoRoll,
    /// The mask of given cells (steps × columns of the layout).
    given: BitMatrix,
}

impl Sketch {
    /// Returns a piece in which every cell is open.
    pub fn open(layout: Layout, steps: usize) -> Self {
        let given = BitMatrix::zeros(steps, layout.columns());
        Self { values: PianoRoll::silent(layout, steps), given }
    }

    /// Returns a piece whose beginning is `roll`, with every cell given, followed by `steps` open steps.
    pub fn after(roll: &PianoRoll, steps: usize) -> Self {
        let mut sketch = Self::open(roll.layout.clone(), roll.steps() + steps);
        for step in 0..roll.steps() {
            sketch.values.cells.row_mut(step).copy_from_slice(roll.cells.row(step));
            (0..roll.layout.columns()).for_each(|column| sketch.given.set(step, column, true));
        }
        sketch
    }

    /// Returns a piece as long as `roll` in which one voice of it is given, and the notes of that voice.
    ///
    /// The hold cells of each note and the onset cell at its start are given on. Onset cells within the note and all
    /// cells of its pitch at the step after its end are given off, so that the note is neither struck again nor
    /// prolonged. While a note of the melody sounds, every cell above it is given off; for the bass, every cell below.
    /// A cell given on stays on.
    pub fn with_voice(roll: &PianoRoll, voice: Voice) -> (Self, Vec<Note>) {
        let mut sketch = Self::open(roll.layout.clone(), roll.steps());
        let kept: Vec<Note> = notes(roll).into_iter().filter(|note| voice.has(note, roll)).collect();
        let (hold, onset) = (Plane::Hold, Plane::Onset);
        let has = |plane| roll.layout.plane_offset(plane).is_some();
        for note in &kept {
            if has(hold) {
                (note.start..note.end).for_each(|step| sketch.give(step, hold, note.pitch, true));
            }
            // A hold after silence is a note even without an onset.
            if has(onset) && roll.pitches_at(note.start, onset) >> note.pitch & 1 == 1 {
                sketch.give(note.start, onset, note.pitch, true);
            }
        }
        for note in &kept {
            for step in note.start..note.end {
                sketch.give_off(step, onset, note.pitch);
                let silenced = match voice {
                    Voice::Melody => note.pitch + 1..roll.layout.highest_pitch,
                    Voice::Bass => roll.layout.lowest_pitch..note.pitch,
                    Voice::All => 0..0,
                };
                for pitch in silenced {
                    sketch.silence(step, pitch);
                }
            }
            if has(hold) && note.end < roll.steps() {
                sketch.silence(note.end, note.pitch);
            }
            // Without onsets, a held cell before the note would be part of it.
            if !has(onset) && note.start > 0 {
                sketch.give_off(note.start - 1, hold, note.pitch);
            }
        }
        (sketch, kept)
    }

    /// Gives off every open cell whose pitch is not in the scale of a key.
    pub fn restrict_to(&mut self, key: Key) {
        let scale = key.scale();
        let layout = self.layout().clone();
        for pitch in (layout.lowest_pitch..layout.highest_pitch).filter(|pitch| !scale.contains(&(pitch % 12))) {
            for step in 0..self.steps() {
                self.silence(step, pitch);
            }
        }
    }

    /// Returns the meaning of the columns.
    pub fn layout(&self) -> &Layout {
        &self.values.layout
    }

    /// Returns the number of time steps.
    pub fn steps(&self) -> usize {
        self.values.steps()
    }

    /// Returns the value of a cell, if it is given.
    pub fn cell(&self, step: usize, column: usize) -> Option<bool> {
        self.given.get(step, column).then(|| self.values.cells.get(step, column))
    }

    /// Returns the first step that has an open cell.
    pub fn first_open_step(&self) -> Option<usize> {
        (0..self.steps()).find(|&step| (self.given.count_ones_in(step) as usize) < self.layout().columns())
    }

    fn give(&mut self, step: usize, plane: Plane, pitch: u8, on: bool) {
        if let Some(column) = self.layout().column(plane, pitch) {
            self.given.set(step, column, true);
            self.values.cells.set(step, column, on);
        }
    }

    /// Gives off the open cells of a pitch.
    fn silence(&mut self, step: usize, pitch: u8) {
        self.give_off(step, Plane::Hold, pitch);
        self.give_off(step, Plane::Onset, pitch);
    }

    /// Gives off a cell if it is open.
    fn give_off(&mut self, step: usize, plane: Plane, pitch: u8) {
        let open = self.layout().column(plane, pitch).is_some_and(|column| !self.given.get(step, column));
        if open {
            self.give(step, plane, pitch, false);
        }
    }
}

impl Voice {
    /// Returns true if a note of a roll belongs to the voice.
    fn has(self, note: &Note, roll: &PianoRoll) -> bool {
        let plane = if roll.layout.planes.contains(&Plane::Hold) { Plane::Hold } else { Plane::Onset };
        let sounding = roll.pitches_at(note.start, plane);
        match self {
            Self::Melody => sounding >> note.pitch == 1,
            Self::Bass => sounding.trailing_zeros() == u32::from(note.pitch),
            Self::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a roll of pitches from C4 (60) up, one string a pitch: `O` hold and onset, `=` hold, `.` silence.
    fn roll(pitches: &[&str], planes: &[Plane]) -> PianoRoll {
        let layout =
            Layout { lowest_pitch: 60, highest_pitch: 60 + pitches.len() as u8, planes: planes.to_vec(), units: None };
        let mut roll = PianoRoll::silent(layout.clone(), pitches[0].len());
        for (pitch, cells) in (60..).zip(pitches) {
            for (step, cell) in cells.bytes().enumerate() {
                let mut set = |plane, on| {
                    if let Some(column) = layout.column(plane, pitch) {
                        roll.cells.set(step, column, on);
                    }
                };
                set(Plane::Hold, cell != b'.');
                set(Plane::Onset, cell == b'O');
            }
        }
        roll
    }

    /// Returns the cells of a plane, one string a pitch: `1` given on, `0` given off, `?` open.
    fn given(sketch: &Sketch, plane: Plane) -> Vec<String> {
        let layout = sketch.layout();
        let cell = |step, pitch| match sketch.cell(step, layout.column(plane, pitch).unwrap()) {
            Some(true) => '1',
            Some(false) => '0',
            None => '?',
        };
        let line = |pitch| (0..sketch.steps()).map(|step| cell(step, pitch)).collect();
        (layout.lowest_pitch..layout.highest_pitch).map(line).collect()
    }

    const BOTH: [Plane; 2] = [Plane::Hold, Plane::Onset];
    /// A piece with C4 in the bass, D4 and then E flat 4 above it, and C4 alone at the end.
    const PIECE: [&str; 4] = ["O===.O", "..O=..", ".......", ".O=..."];

    fn piece(planes: &[Plane]) -> PianoRoll {
        roll(&[PIECE[0], PIECE[1], "......", PIECE[3]], planes)
    }

    #[test]
    fn a_melody_is_what_nothing_sounds_above() {
        let (sketch, kept) = Sketch::with_voice(&piece(&BOTH), Voice::Melody);
        // D4 is struck below E flat 4. C4 at the start has nothing above it yet.
        let starts: Vec<(usize, u8)> = kept.iter().map(|note| (note.start, note.pitch)).collect();
        assert_eq!(starts, [(0, 60), (1, 63), (5, 60)]);
        assert_eq!(given(&sketch, Plane::Hold), ["111101", "0000?0", "0000?0", "0110?0"]);
        assert_eq!(given(&sketch, Plane::Onset), ["100001", "0000?0", "0000?0", "0100?0"]);
    }

    #[test]
    fn a_bass_is_what_nothing_sounds_below() {
        let (sketch, kept) = Sketch::with_voice(&piece(&BOTH), Voice::Bass);
        assert_eq!(kept.len(), 2);
        // The layout has no pitch below C4, so only C4 is given.
        assert_eq!(given(&sketch, Plane::Hold), ["111101", "??????", "??????", "??????"]);
        let upper = roll(&["....", "O=..", "...."], &BOTH);
        let (sketch, _) = Sketch::with_voice(&upper, Voice::Bass);
        assert_eq!(given(&sketch, Plane::Hold), ["00??", "110?", "????"]);
        assert_eq!(given(&sketch, Plane::Onset), ["00??", "100?", "????"]);
    }

    #[test]
    fn all_notes_are_kept_and_nothing_else_is_given() {
        let (sketch, kept) = Sketch::with_voice(&piece(&BOTH), Voice::All);
        assert_eq!(kept.len(), 4);
        assert_eq!(given(&sketch, Plane::Hold), ["111101", "??110?", "??????", "?110??"]);
    }

    #[test]
    fn notes_keep_their_ends_without_onsets_too() {
        let (sketch, _) = Sketch::with_voice(&roll(&["..==.", "....."], &[Plane::Hold]), Voice::Melody);
        assert_eq!(given(&sketch, Plane::Hold), ["?0110", "??00?"]);
        let (sketch, _) = Sketch::with_voice(&roll(&["..OO.", "....."], &[Plane::Onset]), Voice::Melody);
        assert_eq!(given(&sketch, Plane::Onset), ["??11?", "??00?"]);
    }

    #[test]
    fn a_continuation_is_open_after_its_beginning() {
        let beginning = piece(&BOTH);
        let sketch = Sketch::after(&beginning, 3);
        assert_eq!((sketch.steps(), sketch.first_open_step()), (9, Some(6)));
        for column in 0..beginning.layout.columns() {
            for step in 0..6 {
                assert_eq!(sketch.cell(step, column), Some(beginning.cells.get(step, column)));
            }
            assert_eq!(sketch.cell(6, column), None);
        }
        assert_eq!(Sketch::after(&beginning, 0).first_open_step(), None);
    }

    #[test]
    fn a_key_silences_what_is_foreign_to_it_but_not_what_is_given() {
        let chromatic: Vec<&str> = std::iter::once("..").chain(["O="]).chain([".."; 10]).collect();
        let beginning = roll(&chromatic, &BOTH);
        let mut sketch = Sketch::after(&beginning, 1);
        sketch.restrict_to("C".parse().unwrap());
        let open: Vec<bool> = given(&sketch, Plane::Hold).iter().map(|line| line.ends_with('?')).collect();
        let white = [true, false, true, false, true, true, false, true, false, true, false, true];
        assert_eq!(open, white);
        assert_eq!(given(&sketch, Plane::Hold)[1], "110");
    }
}
