//! The terms of an update beyond an engine's plain step: centring, sparsity, L1 decay, Nesterov's rule.

use crate::engine::{Engine, HiddenStatistics, Products, Rule, Statistics, Step};
use crate::model::tensors::{TensorError, TensorReader, TensorValues, Tensors};
use crate::train::{Centring, TrainOptions};

/// The means ⟨v⟩ and ⟨h⟩ under the data or the model, over a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Means {
    pub(super) visible: Vec<f64>,
    pub(super) hidden: Vec<f64>,
}

impl Means {
    /// Returns the means of the states or probabilities of `hidden` hidden units, and of the visible states that go
    /// with them.
    pub(super) fn of(statistics: &Statistics, hidden: usize) -> Self {
        let rows = statistics.visible.rows();
        let share = if rows == 0 { 0.0 } else { 1.0 / rows as f64 };
        let counted = |counts: Vec<u32>| counts.into_iter().map(|count| f64::from(count) * share).collect();
        let hidden = match statistics.hidden {
            HiddenStatistics::Samples(samples) => counted(samples.column_counts(0..rows)),
            HiddenStatistics::Probabilities(probabilities) => {
                let mut sums = vec![0.0; hidden];
                for row in probabilities.chunks(hidden) {
                    sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
                }
                for sum in &mut sums {
                    *sum *= share;
                }
                sums
            }
        };
        Self { visible: counted(statistics.visible.column_counts(0..rows)), hidden }
    }
}

/// The further terms of an update, with the values that they keep from one update to the next.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    nesterov: bool,
    weight_decay_l1: f32,
    sparsity: Option<Sparsity>,
    offsets: Option<Offsets>,
}

/// The pull of hidden units towards a mean activity (Lee, Ekanadham and Ng 2007; Hinton 2010, section 11).
#[derive(Clone, Debug)]
struct Sparsity {
    target: f64,
    strength: f64,
    decay: f64,
    /// The running mean q (hidden) of the units' activity; empty before the first update, which starts it.
    activity: Vec<f64>,
}

/// The offsets of a centred model (Montavon and Müller 2012; Melchior, Fischer and Wiskott 2016).
#[derive(Clone, Debug)]
struct Offsets {
    centring: Centring,
    rate: f64,
    means: Means,
}

impl Terms {
    /// Returns the terms that `options` ask for; `None` if an engine's plain step suffices. `start` computes the means
    /// of the visible units in training, where their offsets start; those of the hidden units start at ½.
    pub(super) fn new(options: &TrainOptions, hidden: usize, start: impl FnOnce() -> Vec<f64>) -> Option<Self> {
        let moving = options.momentum != 0.0 || options.initial_momentum != 0.0;
        let terms = Self {
            nesterov: options.nesterov && moving,
            weight_decay_l1: options.weight_decay_l1 as f32,
            sparsity: (options.sparsity_strength != 0.0).then(|| Sparsity {
                target: options.sparsity_target,
                strength: options.sparsity_strength,
                decay: options.sparsity_decay,
                activity: Vec::new(),
            }),
            offsets: (options.centring != Centring::None).then(|| Offsets {
                centring: options.centring,
                rate: options.centring_rate,
                means: Means { visible: start(), hidden: vec![0.5; hidden] },
            }),
        };
        let any = terms.nesterov || terms.weight_decay_l1 != 0.0 || terms.sparsity.is_some() || terms.offsets.is_some();
        any.then_some(terms)
    }

    /// Returns no terms, for an update by a gradient whose parts the engine is given.
    pub(super) fn none() -> Self {
        Self { nesterov: false, weight_decay_l1: 0.0, sparsity: None, offsets: None }
    }

    /// Makes one update of the engine's parameters. `products` gives the gradient of the weights, `data` and `model`
    /// the means of both sides.
    pub(super) fn step(
        &mut self,
        engine: &mut dyn Engine,
        products: &Products,
        (data, model): (&Means, &Means),
        step: &Step,
    ) {
        let narrow = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value as f32).collect::<Vec<f32>>();
        let pull = self.sparsity.as_mut().map(|sparsity| sparsity.pull(&data.hidden));
        if let Some(offsets) = &mut self.offsets {
            offsets.follow(data, model);
        }
        let difference = |data: &[f64], model: &[f64]| -> Vec<f64> {
            data.iter().zip(model).map(|(data, model)| data - model).collect()
        };
        let visible_gradient = difference(&data.visible, &model.visible);
        let mut hidden_gradient = difference(&data.hidden, &model.hidden);
        let mut outer: Vec<(Vec<f32>, Vec<f32>)> = Vec::new();
        if let Some(pull) = &pull {
            hidden_gradient.iter_mut().zip(pull).for_each(|(gradient, pull)| *gradient += pull);
            outer.push((narrow(&mut data.visible.iter().copied()), narrow(&mut pull.iter().copied())));
        }
        // ⟨(v − μ)(h − λ)ᵀ⟩ of the data minus that of the model: the term μλᵀ is the same on both sides.
        let offsets = self.offsets.as_ref().map(|Offsets { means, .. }| {
            outer.push((
                narrow(&mut means.visible.iter().map(|mean| -mean)),
                narrow(&mut hidden_gradient.iter().copied()),
            ));
            let hidden = narrow(&mut means.hidden.iter().copied());
            outer.push((narrow(&mut visible_gradient.iter().map(|gradient| -gradient)), hidden.clone()));
            (narrow(&mut means.visible.iter().copied()), hidden)
        });
        let outer: Vec<(&[f32], &[f32])> = outer.iter().map(|(own, other)| (&own[..], &other[..])).collect();
        let rule = Rule {
            step: *step,
            nesterov: self.nesterov,
            weight_decay_l1: self.weight_decay_l1,
            outer: &outer,
            visible_gradient: &narrow(&mut visible_gradient.iter().copied()),
            hidden_gradient: &narrow(&mut hidden_gradient.iter().copied()),
            offsets: offsets.as_ref().map(|(visible, hidden)| (&visible[..], &hidden[..])),
        };
        engine.step_by_rule(products, &rule);
    }

    /// Adds the running means.
    pub(super) fn save(&self, state: &mut Tensors) {
        if let Some(Sparsity { activity, .. }) = self.sparsity.as_ref().filter(|own| !own.activity.is_empty()) {
            state.insert("sparsity.activity", &[activity.len()], TensorValues::F64(activity.clone()));
        }
        if let Some(Offsets { means, .. }) = &self.offsets {
            for (name, values) in [("offsets.visible", &means.visible), ("offsets.hidden", &means.hidden)] {
                state.insert(name, &[values.len()], TensorValues::F64(values.clone()));
            }
        }
    }

    /// Returns these terms with the values that [`Self::save`] added, for a model with `hidden` hidden units.
    pub(super) fn restored(&self, state: &mut TensorReader, hidden: usize) -> Result<Self, TensorError> {
        let mut terms = self.clone();
        if let Some(sparsity) = &mut terms.sparsity {
            let started = state.has("sparsity.activity");
            sparsity.activity = if started { state.f64("sparsity.activity", &[hidden])? } else { Vec::new() };
        }
        if let Some(Offsets { means, .. }) = &mut terms.offsets {
            means.visible = state.f64("offsets.visible", &[means.visible.len()])?;
            means.hidden = state.f64("offsets.hidden", &[hidden])?;
        }
        Ok(terms)
    }
}

impl Sparsity {
    /// Takes the batch's mean activity into the running mean q, then returns strength · (p − q) (hidden), where p is
    /// the target. It is the gradient, by the hidden inputs, of −strength times the cross-entropy between p and q.
    fn pull(&mut self, activity: &[f64]) -> Vec<f64> {
        if self.activity.is_empty() {
            self.activity = activity.to_vec();
        } else {
            let running = self.activity.iter_mut().zip(activity);
            running.for_each(|(mean, now)| *mean = self.decay * *mean + (1.0 - self.decay) * now);
        }
        self.activity.iter().map(|mean| self.strength * (self.target - mean)).collect()
    }
}

impl Offsets {
    /// Moves the offsets a share of the way to the batch's means. The model does not change: its parameters are kept in
    /// the ordinary form, which has no offsets.
    fn follow(&mut self, data: &Means, model: &Means) {
        let Self { centring, rate, means } = self;
        let follow = |offsets: &mut [f64], data: &[f64], model: &[f64]| {
            for ((offset, data), model) in offsets.iter_mut().zip(data).zip(model) {
                let towards = if *centring == Centring::Data { *data } else { 0.5 * (data + model) };
                *offset += *rate * (towards - *offset);
            }
        };
        follow(&mut means.visible, &data.visible, &model.visible);
        follow(&mut means.hidden, &data.hidden, &model.hidden);
    }
}
