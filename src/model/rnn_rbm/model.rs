//! An RNN-RBM as a model of the contract.

use super::density::FrameDensity;
use super::known::KnownFrames;
use super::network::{Network, Prepared};
use crate::engine::{BitMatrix, EngineKind, Isa, Parameters, ProductKernels};
use crate::model::contract::{Context, Density, FrameStarts, LearnerError, Memory, Model, Recurrence, Sampler};
use crate::model::energy::Rbm;
use crate::model::rbm::RbmModel;
use crate::model::tensors::{TensorError, TensorReader, Tensors};
use std::ops::Range;

/// An RBM whose biases a recurrent network sets at every frame.
pub struct RnnRbm {
    pub(super) rbm: RbmModel,
    pub(super) network: Network,
    pub(super) kernels: ProductKernels,
    kind: EngineKind,
    isa: Isa,
}

impl RnnRbm {
    /// Returns the model of these parameters; an error if the processor lacks the instruction set.
    pub fn new(parameters: Parameters, network: Network, kind: EngineKind, isa: Isa) -> Result<Self, LearnerError> {
        let rbm = RbmModel::new(parameters, kind, isa)?;
        Ok(Self { rbm, network, kernels: ProductKernels::new(isa)?, kind, isa })
    }

    /// Returns the model that the tensors of a file make. An error if one is missing, does not fit the others, or stands
    /// beside other tensors.
    pub fn open(tensors: &Tensors, kind: EngineKind, isa: Isa) -> Result<Self, LearnerError> {
        let network = shape_of(tensors)?;
        let mut reader = TensorReader::new(tensors);
        let parameters = reader.parameters("", (network.visible, network.hidden))?;
        let network = network.taken("", &mut reader)?;
        reader.finish()?;
        Self::new(parameters, network, kind, isa)
    }

    fn parameters(&self) -> Parameters {
        self.rbm.engine().parameters()
    }

    fn prepared(&self) -> Prepared<'_> {
        self.network.prepared(self.kernels)
    }
}

/// Returns a network of zeros of the shape that tensors have; an error if there is none.
pub fn shape_of(tensors: &Tensors) -> Result<Network, TensorError> {
    let (visible, hidden) = crate::model::rbm::shape_of(tensors)?;
    let name = "recurrent_weights";
    let shape = tensors.shape(name).ok_or_else(|| TensorError::Missing { name: name.into() })?;
    match *shape {
        [units, _] if units > 0 => Ok(Network::zeros(visible, hidden, units)),
        _ => Err(TensorError::Mismatch { name: name.into(), expected: "a matrix with at least one row".into() }),
    }
}

/// Returns the state before each frame of songs (frames × recurrent), and u_0 before a frame of no song.
pub(super) fn states_before(
    network: &Prepared,
    initial: &[f32],
    frames: &BitMatrix,
    songs: &[Range<usize>],
) -> Vec<f32> {
    let last = frames.rows();
    let songs: Vec<Range<usize>> = songs.iter().map(|song| song.start.min(last)..song.end.min(last)).collect();
    let starts = initial.repeat(songs.len());
    let mut before = network.pass(frames, &songs, &starts, 1.0).before;
    let mut within = vec![false; last];
    for song in &songs {
        within[song.clone()].fill(true);
    }
    for (state, _) in before.chunks_exact_mut(initial.len()).zip(within).filter(|(_, within)| !within) {
        state.copy_from_slice(initial);
    }
    before
}

/// Returns the rows `rows` of a row-major matrix of `columns` columns.
pub(super) fn gathered(matrix: &[f32], rows: &[usize], columns: usize) -> Vec<f32> {
    rows.iter().flat_map(|&row| &matrix[row * columns..][..columns]).copied().collect()
}

impl Model for RnnRbm {
    fn layout(&self) -> Vec<(String, Vec<usize>)> {
        let mut layout = self.rbm.layout();
        layout.extend(self.network.layout());
        layout
    }

    fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::from(self.parameters());
        self.network.insert("", &mut tensors);
        tensors
    }

    fn restore(&mut self, tensors: &Tensors) -> Result<(), TensorError> {
        let mut reader = TensorReader::new(tensors);
        let parameters = reader.parameters("", (self.network.visible, self.network.hidden))?;
        let network = self.network.taken("", &mut reader)?;
        reader.finish()?;
        self.rbm.engine_mut().restore(&parameters, None);
        self.network = network;
        Ok(())
    }

    fn is_finite(&self) -> bool {
        self.rbm.is_finite() && self.network.is_finite()
    }

    fn sampler(&mut self) -> &mut dyn Sampler {
        &mut self.rbm
    }

    fn density(&self) -> Option<Box<dyn Density>> {
        Some(Box::new(FrameDensity::new(self.parameters(), self.network.clone(), self.kernels, (self.kind, self.isa))))
    }

    fn recurrence(&self) -> Option<&dyn Recurrence> {
        Some(self)
    }
}

impl Recurrence for RnnRbm {
    fn visible_bias(&self) -> Vec<f32> {
        self.rbm.engine().visible_bias()
    }

    fn begin(&self, sequences: usize) -> Memory {
        Memory { states: self.network.initial.repeat(sequences), units: self.network.recurrent }
    }

    fn pass(&self, memory: &mut Memory, frames: &BitMatrix) {
        self.prepared().advance(&mut memory.states, frames);
    }

    fn context(&self, memory: &Memory) -> Context {
        self.prepared().context(&memory.states)
    }

    fn before(&self, frames: &BitMatrix, songs: &[Range<usize>], rows: &[usize]) -> Memory {
        let before = states_before(&self.prepared(), &self.network.initial, frames, songs);
        let units = self.network.recurrent;
        Memory { states: gathered(&before, rows, units), units }
    }

    fn starts(&self, frames: &BitMatrix, rows: &[usize]) -> Option<Box<dyn FrameStarts>> {
        let known = KnownFrames::new(&Rbm::new(self.parameters()), frames, rows);
        (!known.is_empty()).then(|| Box::new(known) as Box<dyn FrameStarts>)
    }
}
