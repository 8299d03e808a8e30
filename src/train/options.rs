//! The options of training, as the `train` table of a configuration gives them.

use crate::engine::EngineKind;
use serde::{Deserialize, Serialize};

/// How a model is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainOptions {
    /// Where the chains of the negative phase start.
    pub method: Method,
    /// Persistent chains, at each temperature; zero for as many as a batch has examples.
    pub chains: usize,
    /// Temperatures of parallel tempering, the model's own included.
    pub temperatures: usize,
    /// β of the hottest of them, in 0..=1.
    pub lowest_inverse_temperature: f64,
    /// Gibbs steps an update.
    pub k: usize,
    /// Gibbs steps an update in the last epoch, grown to evenly from `k`; zero for `k` throughout.
    pub k_final: usize,
    /// The step size of the update, in the first epoch.
    pub learning_rate: f64,
    /// How the step size goes from the first epoch to the last.
    pub learning_rate_schedule: LearningRateSchedule,
    /// The step size in the last epoch, where it changes.
    pub learning_rate_final: f64,
    /// Passes over the training windows.
    pub epochs: usize,
    /// The last epochs over whose updates parameters are averaged, the mean being the result of training; zero for the
    /// parameters after the last update.
    pub averaged_epochs: usize,
    /// Examples a batch, at most.
    pub batch_size: usize,
    /// How windows are put into batches.
    pub batches: Batches,
    /// Leave the first window of every song out of training.
    pub skip_first_window: bool,
    /// What the gradient is estimated from.
    pub statistics: StatisticsKind,
    /// Which hidden sample the positive statistics use.
    pub positive_sample: PositiveSample,
    /// Share of the last update that is added to the next, in 0..1.
    pub momentum: f64,
    /// Momentum before the epoch `momentum_switch_epoch`.
    pub initial_momentum: f64,
    /// The first epoch, counted from zero, in which `momentum` applies.
    pub momentum_switch_epoch: usize,
    /// Whether momentum follows Nesterov's rule.
    pub nesterov: bool,
    /// The factor of the quadratic (L2) penalty on weights.
    pub weight_decay: f64,
    /// The metric of held-out songs that ends training when it does not improve any more.
    pub early_stopping_metric: StopMetric,
    /// Evaluations in a row without improvement after which training ends.
    pub early_stopping_patience: usize,
    /// What a value must be better by to count as an improvement.
    pub early_stopping_min_delta: f64,
    /// Whether the model of the best epoch is the one that counts, rather than that of the last.
    pub early_stopping_restore: bool,
    /// The factor of the absolute (L1) penalty on weights.
    pub weight_decay_l1: f64,
    /// The mean activity that hidden units are pulled to.
    pub sparsity_target: f64,
    /// How hard they are pulled; zero for not at all.
    pub sparsity_strength: f64,
    /// The share of the running mean of activities that an update leaves, in 0..1.
    pub sparsity_decay: f64,
    /// What the gradient is centred on.
    pub centring: Centring,
    /// The share of the way to a batch's means that offsets go in an update, in 0..=1.
    pub centring_rate: f64,
    /// The code that computes updates.
    pub engine: EngineKind,
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
        }
    }
}

/// Where the negative statistics come from: for chains, where they start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// At the batch: contrastive divergence (Hinton 2002).
    Cd,
    /// Where the last update left them: persistent contrastive divergence (Tieleman 2008).
    Pcd,
    /// As persistent chains, at several temperatures that exchange states: parallel tempering (Desjardins et al. 2010).
    Pt,
    /// No chains: exact expectations under the model, by enumeration.
    Exact,
}

/// How the learning rate goes from the first epoch to the last: see [`TrainOptions::learning_rate_at`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearningRateSchedule {
    /// Not at all.
    Constant,
    /// By the same difference every epoch.
    Linear,
    /// By the same factor every epoch.
    Exponential,
    /// As one over the epoch.
    Inverse,
}

/// What the gradient is centred on.
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

/// What early stopping looks at, of the songs held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopMetric {
    /// Nothing: all epochs are trained.
    None,
    /// The pseudo-log-likelihood, which is to rise.
    PseudoLogLikelihood,
    /// The reconstruction error, which is to fall; of little use to judge by, since it also falls where chains mix slowly.
    ReconstructionError,
}

/// How windows are put into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batches {
    /// From all songs, in a new random order every epoch.
    Shuffled,
    /// Consecutive windows of one song, songs in order.
    PerSong,
}

/// What the gradient is estimated from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatisticsKind {
    /// Probabilities of the hidden units, which carry less noise than samples (Hinton 2010, section 3).
    Probabilities,
    /// Binary samples.
    Samples,
}

/// Which hidden sample the positive statistics use; of consequence with [`StatisticsKind::Samples`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PositiveSample {
    /// The one that the Gibbs chain goes on from.
    Chain,
    /// One drawn apart from the chain's.
    Separate,
}
