//! The small models that tests share.

pub(crate) mod independent_units;
#[cfg(feature = "cli")]
mod whole_sweep;

use crate::engine::{BitMatrix, EngineKind, Isa, Parameters, Purpose, RowStreams, standard_normals};
use crate::model::rbm::RbmModel;
use crate::model::{Model, Trainer};

/// Draws all parameters of a model from N(0, deviation²).
pub(crate) fn random_parameters(seed: u64, visible: usize, hidden: usize, deviation: f64) -> Parameters {
    let mut generator = RowStreams::new(seed, Purpose::InitialWeights, 0, 0, 0).generator(0);
    let mut draw = |count: usize| {
        let mut values = vec![0.0; count];
        standard_normals(&mut generator, &mut values);
        values.into_iter().map(|value| (value * deviation) as f32).collect::<Vec<f32>>()
    };
    Parameters {
        visible,
        hidden,
        weights: draw(visible * hidden),
        visible_bias: draw(visible),
        hidden_bias: draw(hidden),
    }
}

/// Draws rows of independent bits, each on with about the given probability.
pub(crate) fn random_bits(seed: u64, rows: usize, columns: usize, probability: f64) -> BitMatrix {
    let streams = RowStreams::new(seed, Purpose::Baseline, 0, 0, 0);
    let threshold = (probability * 4_294_967_296.0) as u64;
    let mut matrix = BitMatrix::zeros(rows, columns);
    for row in 0..rows {
        let mut stream = streams.row(row);
        for column in 0..columns {
            matrix.set(row, column, u64::from(stream.next_u32()) < threshold);
        }
    }
    matrix
}

/// Returns bars and stripes on an n × n grid (MacKay 2003): every n-bit pattern as rows and as columns. All-off and
/// all-on appear twice among the 2^(n+1) patterns.
pub(crate) fn bars_and_stripes(n: usize) -> BitMatrix {
    let patterns = 1 << n;
    BitMatrix::from_fn(2 * patterns, n * n, |row, cell| {
        let line = if row < patterns { cell / n } else { cell % n };
        (row % patterns) >> line & 1 == 1
    })
}

/// Returns an RBM of these parameters in an engine of this kind, with the instruction set that [`Isa::detect`] finds.
pub(crate) fn rbm_model(kind: EngineKind, parameters: Parameters) -> RbmModel {
    RbmModel::new(parameters, kind, Isa::pinned_or_best()).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns the parameters of an RBM.
pub(crate) fn parameters_of(model: &dyn Model) -> Parameters {
    Parameters::try_from(&model.tensors()).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns the parameters of the RBM that a trainer trains, as they are now.
pub(crate) fn trained_parameters(trainer: &Trainer) -> Parameters {
    parameters_of(trainer.model())
}
