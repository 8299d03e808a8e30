//! The random states that several benchmarks measure with.

use chordbench::engine::{BitMatrix, Purpose, RowStreams};

/// Cells in one time step: 78 pitches held, 78 struck.
pub(crate) const CELLS: usize = 156;
/// Share of the cells that are on in the training windows of popular songs.
pub(crate) const DENSITY: f64 = 0.034;

/// States (rows × columns) of units that are on apart from one another, each with the probability `density`.
pub(crate) fn random_states(seed: u64, rows: usize, columns: usize, density: f64) -> BitMatrix {
    let streams = RowStreams::new(seed, Purpose::Baseline, 0, 0, 0);
    let mut states = BitMatrix::zeros(rows, columns);
    for row in 0..rows {
        let mut stream = streams.row(row);
        for column in 0..columns {
            states.set(row, column, f64::from(stream.next_u32()) < density * 4_294_967_296.0);
        }
    }
    states
}
