//! The options of training, as the `train` table of a configuration gives them.

use crate::engine::EngineKind;
use serde::{Deserialize, Serialize};

/// The options of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a key of the configuration")]
pub struct TrainOptions {
    /// The source of the negative statistics.
    pub method: Method,
    /// The number of persistent chains at each temperature; 0 stands for the number of examples in a batch.
    pub chains: usize,
    /// The number of temperatures of parallel tempering, the model's own included.
    pub temperatures: usize,
    /// The β of the hottest temperature, in 0..=1.
    pub lowest_inverse_temperature: f64,
    /// The number of Gibbs steps of an update.
    pub k: usize,
    /// The number of Gibbs steps of an update in the last epoch, reached evenly from `k`; 0 keeps `k` throughout.
    pub k_final: usize,
    /// The step size of updates in the first epoch.
    pub learning_rate: f64,
    /// The change of the step size from the first epoch to the last.
    pub learning_rate_schedule: LearningRateSchedule,
    /// The step size of updates in the last epoch, if it changes.
    pub learning_rate_final: f64,
    /// The number of passes over the training windows.
    pub epochs: usize,
    /// The number of epochs after which training stops, while schedules follow `epochs`; 0 stands for all of them.
    pub stop_after: usize,
    /// The number of last epochs whose parameters, after each update, are averaged to the result of training; 0 stands
    /// for the parameters after the last update.
    pub averaged_epochs: usize,
    /// The greatest number of examples in a batch.
    pub batch_size: usize,
    /// The grouping of windows into batches.
    pub batches: Batches,
    /// True to leave the first window of every song out of training.
    pub skip_first_window: bool,
    /// The values of hidden units that the gradient is estimated from.
    pub statistics: StatisticsKind,
    /// The hidden sample that the positive statistics use.
    pub positive_sample: PositiveSample,
    /// The share of the last update that is added to the next, in 0..1.
    pub momentum: f64,
    /// The momentum before the epoch `momentum_switch_epoch`.
    pub initial_momentum: f64,
    /// The first epoch, counted from zero, in which `momentum` applies.
    pub momentum_switch_epoch: usize,
    /// True if momentum follows Nesterov's rule.
    pub nesterov: bool,
    /// The factor of the quadratic (L2) penalty on weights.
    pub weight_decay: f64,
    /// The metric of held-out songs that ends training once it stops improving.
    pub early_stopping_metric: StopMetric,
    /// The number of evaluations in a row without improvement after which training ends.
    pub early_stopping_patience: usize,
    /// The least difference that counts as an improvement.
    pub early_stopping_min_delta: f64,
    /// True if the result is the model of the best epoch rather than that of the last.
    pub early_stopping_restore: bool,
    /// The factor of the absolute (L1) penalty on weights.
    pub weight_decay_l1: f64,
    /// The mean activity that hidden units are pulled towards.
    pub sparsity_target: f64,
    /// The strength of the pull; 0 for none.
    pub sparsity_strength: f64,
    /// The share of the running mean of activities that remains after an update, in 0..1.
    pub sparsity_decay: f64,
    /// The offsets that the gradient is centred on.
    pub centring: Centring,
    /// The share of the way to a batch's means by which an update moves the offsets, in 0..=1.
    pub centring_rate: f64,
    /// The code that computes updates.
    pub engine: EngineKind,
    /// The rule that turns gradients into updates.
    pub optimizer: Optimizer,
    /// Under Adam, the share of the running mean of gradients that an update leaves, in 0..1.
    pub adam_first: f64,
    /// Under Adam, the share of the running mean of squared gradients that an update leaves, in 0..1.
    pub adam_second: f64,
    /// Under Adam, the number added to the root of that mean.
    pub adam_epsilon: f64,
    /// The number of frames of a song that are trained on at once; 0 for whole songs. Of models of sequences, as are all
    /// below.
    pub chunk: usize,
    /// True if a chunk starts from the state that the song's frames before it lead to, rather than from u_0.
    pub carry_state: bool,
    /// The greatest norm of the whole gradient, which is scaled down to it; 0 for no bound.
    pub gradient_norm: f64,
    /// The greatest size of an element of the gradient, which is cut off; 0 for no bound.
    pub gradient_clip: f64,
    /// The factor of the step size for W, b and c.
    pub rbm_rate: f64,
    /// The bound ρ on the step size of a chunk, which is at most ρ / i where it begins at frame i of its song, counted from
    /// 1; 0 for no bound.
    pub rate_by_frame: f64,
    /// The probability with which a unit is hidden from the network, or a state of it from the biases, in 0..1.
    pub dropout: f64,
    /// The values of a deep network's layer that the layer above is trained on.
    pub propagate: Propagate,
    /// The number of epochs that train all layers of a deep network together after the last layer; 0 for none.
    pub fine_tune_epochs: usize,
    /// The step size of these epochs.
    pub fine_tune_rate: f64,
    /// True in these epochs: the up-down algorithm trains all layers.
    #[serde(skip)]
    pub up_down: bool,
}

impl TrainOptions {
    /// Returns the number of epochs that are trained unless early stopping ends them.
    pub fn trained_epochs(&self) -> usize {
        if self.stop_after == 0 { self.epochs } else { self.stop_after.min(self.epochs) }
    }

    /// Returns true if updates before the last epoch depend on the number of epochs.
    pub fn depends_on_epochs(&self) -> bool {
        self.learning_rate_schedule != LearningRateSchedule::Constant || self.k_final != 0 || self.averaged_epochs > 0
    }
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            method: Method::Cd,
            chains: 0,
            temperatures: 10,
            lowest_inverse_temperature: 0.5,
            k: 1,
            k_final: 0,
            learning_rate: 0.005,
            learning_rate_schedule: LearningRateSchedule::Constant,
            learning_rate_final: 0.0,
            epochs: 200,
            stop_after: 0,
            averaged_epochs: 0,
            batch_size: 100,
            batches: Batches::Shuffled,
            skip_first_window: false,
            statistics: StatisticsKind::Probabilities,
            positive_sample: PositiveSample::Chain,
            momentum: 0.0,
            initial_momentum: 0.0,
            momentum_switch_epoch: 0,
            nesterov: false,
            weight_decay: 0.0,
            early_stopping_metric: StopMetric::None,
            early_stopping_patience: 10,
            early_stopping_min_delta: 0.0,
            early_stopping_restore: true,
            weight_decay_l1: 0.0,
            sparsity_target: 0.1,
            sparsity_strength: 0.0,
            sparsity_decay: 0.9,
            centring: Centring::None,
            centring_rate: 0.01,
            engine: EngineKind::default(),
            optimizer: Optimizer::Sgd,
            adam_first: 0.9,
            adam_second: 0.999,
            adam_epsilon: 1e-8,
            chunk: 0,
            carry_state: false,
            gradient_norm: 0.0,
            gradient_clip: 0.0,
            rbm_rate: 1.0,
            rate_by_frame: 0.0,
            dropout: 0.0,
            propagate: Propagate::Samples,
            fine_tune_epochs: 0,
            fine_tune_rate: 0.001,
            up_down: false,
        }
    }
}

/// The values of a layer that the layer above is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Propagate {
    /// States, drawn afresh in every epoch, as the bound on the likelihood asks for (Hinton, Osindero and Teh 2006).
    Samples,
    /// Mean activations, the same in every epoch.
    Means,
}

/// The rule that turns gradients into updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Steps along the gradient, with momentum.
    Sgd,
    /// Steps scaled by running means of the gradient and of its square, parameter by parameter (Kingma and Ba 2015).
    Adam,
}

/// The source of the negative statistics: the start of the chains, or no chains at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Chains that start at the batch: contrastive divergence (Hinton 2002).
    Cd,
    /// Chains that continue from the last update: persistent contrastive divergence (Tieleman 2008).
    Pcd,
    /// Persistent chains at several temperatures that exchange states: parallel tempering (Desjardins et al. 2010).
    Pt,
    /// No chains: exact expectations under the model, by enumeration.
    Exact,
}

/// The change of the learning rate from the first epoch to the last; see [`TrainOptions::learning_rate_at`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearningRateSchedule {
    /// None.
    Constant,
    /// By the same difference every epoch.
    Linear,
    /// By the same factor every epoch.
    Exponential,
    /// As one over the epoch.
    Inverse,
}

/// The offsets that the gradient is centred on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Centring {
    /// Zero: the ordinary gradient.
    None,
    /// Running means under the data (Montavon and Müller 2012).
    Data,
    /// Running means of data and model, half and half; at a rate of 1 the enhanced gradient (Cho, Raiko and Ilin 2011).
    Average,
}

/// The metric of held-out songs that early stopping watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopMetric {
    /// Nothing: all epochs are trained.
    None,
    /// The pseudo-log-likelihood, which should rise.
    PseudoLogLikelihood,
    /// The reconstruction error, which should fall. It is a poor criterion, since it also falls where chains mix
    /// slowly.
    ReconstructionError,
}

/// The grouping of windows into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batches {
    /// From all songs, in a new random order every epoch.
    Shuffled,
    /// Consecutive windows of one song, songs in order.
    PerSong,
}

/// The values of hidden units that the gradient is estimated from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatisticsKind {
    /// Probabilities of the hidden units, which carry less noise than samples (Hinton 2010, section 3).
    Probabilities,
    /// Binary samples.
    Samples,
}

/// The hidden sample that the positive statistics use. It matters with [`StatisticsKind::Samples`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PositiveSample {
    /// The one that the Gibbs chain continues from.
    Chain,
    /// One drawn apart from the chain's.
    Separate,
}
