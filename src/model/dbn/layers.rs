//! The parameters of a deep belief network, layer by layer, in the form of named tensors.

use crate::engine::{Parameters, sigmoid_f64};
use crate::model::features::Features;
use crate::model::rbm;
use crate::model::tensors::{TensorError, TensorReader, TensorValues, Tensors};

/// The parameters of all layers, from below.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layers {
    /// The RBM that each layer was trained as. A layer below the top keeps W and b for the way down,
    /// p(h_{l−1} | h_l) = σ(b_l + h_l·W_lᵀ), and W and c for the way up, unless `recognition` has others.
    pub rbms: Vec<Parameters>,
    /// The weights and hidden biases of the way up, q(h_l | h_{l−1}) = σ(c + h_{l−1}·R), of every layer below the top;
    /// empty where these are those of the RBMs. The visible biases are zero and of no effect.
    pub recognition: Vec<Parameters>,
}

impl Layers {
    /// Returns zeros for a network of `visible` units below layers of these sizes.
    pub fn zeros(visible: usize, layers: &[usize]) -> Self {
        let below = std::iter::once(visible).chain(layers.iter().copied());
        let rbms = below.zip(layers).map(|(below, &units)| Parameters::zeros(below, units)).collect();
        Self { rbms, recognition: Vec::new() }
    }

    /// Returns the layers that tensors make: those of an RBM, or `layers.0.weights` and so on. An error if a tensor is
    /// missing, left over, or does not fit the layer below.
    pub fn of(tensors: &Tensors) -> Result<Self, TensorError> {
        let mut reader = TensorReader::new(tensors);
        if is_single(tensors) {
            let parameters = reader.parameters("", rbm::shape_of(tensors)?)?;
            reader.finish()?;
            return Ok(Self { rbms: vec![parameters], recognition: Vec::new() });
        }
        let mut shapes: Vec<(usize, usize)> = Vec::new();
        while let Some(shape) = tensors.shape(&format!("layers.{}.weights", shapes.len())) {
            let name = || format!("layers.{}.weights", shapes.len());
            let [below, units] = *shape else {
                return Err(TensorError::Mismatch { name: name(), expected: "a matrix".into() });
            };
            if below == 0 || units == 0 {
                let expected = "a matrix with at least one row and one column".into();
                return Err(TensorError::Mismatch { name: name(), expected });
            }
            if let Some(&(_, last)) = shapes.last().filter(|(_, last)| *last != below) {
                let expected = format!("a matrix of {last} rows, as many as the layer below has units");
                return Err(TensorError::Mismatch { name: name(), expected });
            }
            shapes.push((below, units));
        }
        if shapes.is_empty() {
            return Err(TensorError::Missing { name: "layers.0.weights".into() });
        }
        let own = |(layer, &shape): (usize, &(usize, usize))| reader.parameters(&format!("layers.{layer}."), shape);
        let rbms = shapes.iter().enumerate().map(own).collect::<Result<Vec<_>, _>>()?;
        let untied = reader.has("recognition.0.weights");
        let lower = if untied { &shapes[..shapes.len() - 1] } else { &[] };
        let mut recognition = Vec::new();
        for (layer, &(below, units)) in lower.iter().enumerate() {
            recognition.push(Parameters {
                weights: reader.f32(&format!("recognition.{layer}.weights"), &[below, units])?,
                hidden_bias: reader.f32(&format!("recognition.{layer}.hidden_bias"), &[units])?,
                ..Parameters::zeros(below, units)
            });
        }
        reader.finish()?;
        Ok(Self { rbms, recognition })
    }

    /// Returns the tensors. Those of a single layer are an RBM's.
    pub fn tensors(&self) -> Tensors {
        if let [only] = self.rbms.as_slice() {
            return Tensors::from(only.clone());
        }
        let mut tensors = Tensors::default();
        for (layer, parameters) in self.rbms.iter().enumerate() {
            tensors.insert_parameters(&format!("layers.{layer}."), parameters.clone());
        }
        for (layer, Parameters { visible, hidden, weights, hidden_bias, .. }) in self.recognition.iter().enumerate() {
            let values = TensorValues::F32(weights.clone());
            tensors.insert(format!("recognition.{layer}.weights"), &[*visible, *hidden], values);
            let values = TensorValues::F32(hidden_bias.clone());
            tensors.insert(format!("recognition.{layer}.hidden_bias"), &[*hidden], values);
        }
        tensors
    }

    /// Returns the parameters of the way up through a layer below the top.
    pub fn upward(&self, layer: usize) -> &Parameters {
        self.recognition.get(layer).unwrap_or(&self.rbms[layer])
    }

    /// Returns the number of visible units.
    pub fn visible(&self) -> usize {
        self.rbms.first().map_or(0, |lowest| lowest.visible)
    }
}

/// Returns true for the tensors of a network of a single layer, which are an RBM's.
pub fn is_single(tensors: &Tensors) -> bool {
    tensors.shape("weights").is_some()
}

/// Returns the number of visible units of the network that tensors make; an error if they make none.
pub fn visible_units(tensors: &Tensors) -> Result<usize, TensorError> {
    Layers::of(tensors).map(|layers| layers.visible())
}

/// Returns the hidden units of every layer; none if the tensors make no network.
///
/// The effect of a unit of an upper layer is the difference that it makes, alone on in its layer, when means are passed
/// down: x(e_j) − x(0) with x the inputs b_1 + a_1·W_1ᵀ of the visible units and a_l = σ(b_{l+1} + a_{l+1}·W_{l+1}ᵀ).
pub fn features(tensors: &Tensors) -> Vec<Features> {
    let Ok(Layers { rbms, .. }) = Layers::of(tensors) else { return Vec::new() };
    let of_layer = |(place, own): (usize, &Parameters)| {
        let inputs = |unit: Option<usize>| {
            let mut means = vec![0.0; own.hidden];
            if let Some(unit) = unit {
                means[unit] = 1.0;
            }
            passed_down(&rbms[..=place], means)
        };
        let without = inputs(None);
        let mut effects = vec![0.0; rbms[0].visible * own.hidden];
        for unit in 0..own.hidden {
            for (visible, (with, without)) in inputs(Some(unit)).into_iter().zip(&without).enumerate() {
                effects[visible * own.hidden + unit] = (with - without) as f32;
            }
        }
        // Of the lowest layer they are its weights, without a rounding.
        let effects = if place == 0 { own.weights.clone() } else { effects };
        Features { layer: place + 1, hidden: own.hidden, effects, biases: own.hidden_bias.clone() }
    };
    rbms.iter().enumerate().map(of_layer).collect()
}

/// Returns the inputs of the visible units as means of the highest of some layers are passed down.
fn passed_down(rbms: &[Parameters], mut means: Vec<f64>) -> Vec<f64> {
    for (place, own) in rbms.iter().enumerate().rev() {
        let input = |unit: usize| {
            let sum: f64 = means.iter().zip(own.weight_row(unit)).map(|(mean, &weight)| mean * f64::from(weight)).sum();
            f64::from(own.visible_bias[unit]) + sum
        };
        let inputs = (0..own.visible).map(input);
        means = if place == 0 { inputs.collect() } else { inputs.map(sigmoid_f64).collect() };
    }
    means
}

/// Returns the RBM whose layers are those of another one exchanged: Wᵀ, with the biases crosswise.
///
/// On top of that other RBM, it makes a deep belief network with the same probabilities as the RBM alone (Hinton,
/// Osindero and Teh 2006, section 4).
pub(super) fn exchanged(below: &Parameters) -> Parameters {
    let Parameters { visible, hidden, ref weights, ref visible_bias, ref hidden_bias } = *below;
    let weights = (0..visible * hidden).map(|index| weights[index % visible * hidden + index / visible]).collect();
    Parameters {
        visible: hidden,
        hidden: visible,
        weights,
        visible_bias: hidden_bias.clone(),
        hidden_bias: visible_bias.clone(),
    }
}
