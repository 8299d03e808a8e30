//! The grid: the map from ticks to time steps.

use crate::music::midi::Quarter;
use crate::music::options::Rounding;

/// A grid of equal steps from the start of the song: step = tick · steps / ticks, rounded from the exact quotient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    steps: u128,
    ticks: u128,
    rounding: Rounding,
}

impl Grid {
    /// Returns the grid of a file; `None` if its quarter note has no ticks.
    pub(super) fn new(quarter: Quarter, steps_per_beat: u32, rounding: Rounding) -> Option<Self> {
        (quarter.ticks > 0).then(|| Self {
            steps: u128::from(quarter.parts) * u128::from(steps_per_beat),
            ticks: u128::from(quarter.ticks),
            rounding,
        })
    }

    /// Returns the step of a tick.
    pub(super) fn step(&self, tick: u64) -> u64 {
        let steps = u128::from(tick) * self.steps;
        let step = match self.rounding {
            // ⌊x + 1/2⌋ = ⌊(2x + 1) / 2⌋
            Rounding::Nearest => (2 * steps + self.ticks) / (2 * self.ticks),
            Rounding::Down => steps / self.ticks,
        };
        u64::try_from(step).unwrap_or(u64::MAX)
    }
}

/// The rows of the original state matrix: sixteenth notes, shifted so that a row's note-ons are those within about half
/// a row of its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeedGrid {
    /// The ticks in a row: a quarter of those in a quarter note.
    row: u64,
    /// The ticks before the second row begins: an eighth of those in a quarter note.
    early: u64,
}

impl SeedGrid {
    /// Returns the grid of a file; `None` if a row would have no ticks. Both lengths are rounded down to whole ticks.
    /// With fewer than 8 ticks in a quarter note, the second row begins at tick 0.
    pub(super) fn new(quarter: Quarter) -> Option<Self> {
        let resolution = quarter.ticks / quarter.parts;
        (resolution >= 4).then_some(Self { row: resolution / 4, early: resolution / 8 })
    }

    /// Returns the row of a tick.
    pub(super) fn row(&self, tick: u64) -> u64 {
        tick.checked_sub(self.early).map_or(0, |since| since / self.row + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Grid, SeedGrid};
    use crate::music::midi::Quarter;
    use crate::music::options::Rounding;
    use proptest::prelude::*;

    fn whole(ticks: u64) -> Quarter {
        Quarter { ticks, parts: 1 }
    }

    #[test]
    fn halves_round_up_whatever_the_resolution() {
        let steps = |ticks, rounding| {
            let grid = Grid::new(whole(ticks), 4, rounding).unwrap();
            (0..8).map(|tick| grid.step(tick)).collect::<Vec<_>>()
        };
        assert_eq!(steps(8, Rounding::Nearest), [0, 1, 1, 2, 2, 3, 3, 4]);
        assert_eq!(steps(8, Rounding::Down), [0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(steps(3, Rounding::Nearest), [0, 1, 3, 4, 5, 7, 8, 9]);
        assert_eq!(steps(1, Rounding::Nearest), [0, 4, 8, 12, 16, 20, 24, 28]);
        assert!(Grid::new(whole(0), 4, Rounding::Nearest).is_none());
    }

    #[test]
    fn frames_of_television_are_not_a_thirtieth_of_a_second() {
        // 30000/1001 frames a second of 100 parts; a quarter note is half a second. 16 steps take 2 s, 5994.0 ticks.
        let quarter = Quarter { ticks: 30_000 * 100, parts: 2 * 1001 };
        let grid = Grid::new(quarter, 4, Rounding::Down).unwrap();
        assert_eq!((grid.step(5994), grid.step(5995)), (15, 16));
    }

    #[test]
    fn resolutions_that_the_original_cannot_read_have_no_grid() {
        assert!(SeedGrid::new(whole(3)).is_none());
        // An eighth of 4 ticks is 0 ticks: the second row begins at once.
        assert_eq!(SeedGrid::new(whole(4)).unwrap().row(0), 1);
    }

    proptest! {
        /// The rows are those of the original's rule: one begins at each tick that is an eighth after a multiple of a
        /// row.
        #[test]
        fn rows_are_those_of_the_tick_loop(resolution in 4u64..1000, last in 0u64..2000) {
            let grid = SeedGrid::new(whole(resolution)).unwrap();
            let mut row = 0;
            for tick in 0..=last {
                if tick % (resolution / 4) == resolution / 8 % (resolution / 4) && tick >= resolution / 8 {
                    row += 1;
                }
                prop_assert_eq!(grid.row(tick), row);
            }
        }
    }
}
