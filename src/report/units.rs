//! The hidden units shown: those whose weights have the largest norms.

use super::number::Rounded;
use super::runs::Runs;
use super::sweep_results::SweepResults;
use crate::model::Features;
use crate::sweep::ModelFile;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// The most runs with units, one for each point.
const RUNS: usize = 8;
/// The most units of a run.
const UNITS: usize = 12;
/// The most weights of a unit; of longer windows the first steps are shown, of longer rows the first units.
const WEIGHTS: usize = 12_000;
/// The most norms of a run.
const NORMS: usize = 400;
/// The size in bytes above which a model is not read.
const MODEL_BYTES: u64 = 64 << 20;

/// The hidden units shown of one model.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ModelUnits {
    /// The run's place in the list.
    run: usize,
    /// The layer, from 1 for the lowest; absent of a model of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<usize>,
    lowest_pitch: u8,
    highest_pitch: u8,
    planes: Vec<crate::music::Plane>,
    /// The units of a row that is not music, which has neither pitches nor planes; absent for music.
    #[serde(skip_serializing_if = "Option::is_none")]
    row_units: Option<usize>,
    timesteps: usize,
    /// The steps shown.
    steps: usize,
    /// The number of hidden units of the model.
    hidden: usize,
    /// The norms of the units' weights, descending; of a large model evenly spaced ones.
    norms: Vec<Rounded>,
    /// The units of the largest norms.
    units: Vec<HiddenUnit>,
}

/// One hidden unit.
#[derive(Clone, Debug, Serialize)]
struct HiddenUnit {
    /// Its index in the model.
    unit: usize,
    /// The Euclidean norm of its weights.
    norm: Rounded,
    /// Its bias.
    bias: Rounded,
    /// The weight that ±127 stands for.
    scale: Rounded,
    /// Its weights, time outer, plane by plane, pitch by pitch (or unit by unit), in base64: bytes from −127 to 127.
    weights: String,
}

/// Reads the units of one run of each of the best points.
pub(super) fn read(results: &SweepResults, runs: &Runs, left_out: &mut Vec<String>) -> Vec<ModelUnits> {
    let mut found = Vec::new();
    let mut too_large = 0;
    let first = runs.of_point.iter();
    for run in first
        .filter_map(|runs_of_point| runs_of_point.iter().copied().find(|&run| results.ok(runs.places[run]).is_some()))
    {
        if found.len() == RUNS {
            left_out.push(format!("Hidden units are shown for one run of each of the {RUNS} best points."));
            break;
        }
        let path = results.run_folder(runs.places[run]).join("model.safetensors");
        if std::fs::metadata(&path).is_ok_and(|file| file.len() > MODEL_BYTES) {
            too_large += 1;
            if too_large == RUNS {
                break;
            }
            continue;
        }
        if let Ok(model) = ModelFile::read(&path) {
            found.extend(ModelUnits::of(run, &model));
        }
    }
    if too_large > 0 {
        left_out.push(format!("Hidden units of models above {} MiB are not shown.", MODEL_BYTES >> 20));
    }
    found
}

impl ModelUnits {
    /// Returns the units of each layer of a model; none if its kind has no weights from hidden to visible units.
    fn of(run: usize, model: &ModelFile) -> Vec<Self> {
        let layers = model.description.kind.features(&model.tensors);
        let several = layers.len() > 1;
        layers.iter().map(|features| Self::of_layer(run, model, features, several)).collect()
    }

    fn of_layer(run: usize, model: &ModelFile, features: &Features, several: bool) -> Self {
        let description = &model.description;
        let hidden = features.hidden;
        let mut squares = vec![0.0f64; hidden];
        for weights in features.effects.chunks_exact(hidden) {
            for (square, &weight) in squares.iter_mut().zip(weights) {
                *square += f64::from(weight).powi(2);
            }
        }
        let mut order: Vec<usize> = (0..hidden).collect();
        order.sort_by(|&a, &b| squares[b].total_cmp(&squares[a]).then(a.cmp(&b)));
        let columns = description.layout.columns();
        let steps = description.timesteps.min((WEIGHTS / columns).max(1));
        let shown = if description.layout.is_music() { steps * columns } else { columns.min(WEIGHTS) };
        let unit = |&unit: &usize| {
            let weights = (0..shown).map(|visible| features.effects[visible * hidden + unit]);
            let scale = weights.clone().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
            let level = |weight: f32| if scale > 0.0 { (weight / scale * 127.0).round() as i8 } else { 0 };
            let bytes: Vec<u8> = weights.map(|weight| level(weight).to_le_bytes()[0]).collect();
            HiddenUnit {
                unit,
                norm: Rounded(squares[unit].sqrt()),
                bias: Rounded(f64::from(features.biases[unit])),
                scale: Rounded(f64::from(scale)),
                weights: STANDARD.encode(bytes),
            }
        };
        let spaced = |index: usize| if hidden <= NORMS { index } else { index * (hidden - 1) / (NORMS - 1) };
        Self {
            run,
            layer: several.then_some(features.layer),
            lowest_pitch: description.layout.lowest_pitch,
            highest_pitch: description.layout.highest_pitch,
            planes: description.layout.planes.clone(),
            row_units: description.layout.units,
            timesteps: description.timesteps,
            steps,
            hidden,
            norms: (0..hidden.min(NORMS)).map(|index| Rounded(squares[order[spaced(index)]].sqrt())).collect(),
            units: order.iter().take(UNITS).map(unit).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Parameters;
    use crate::model::ModelKind;
    use crate::music::{Layout, Plane};
    use crate::sweep::ModelDescription;

    #[test]
    fn units_come_by_norm_with_their_own_scale() {
        // Two steps of two pitches; of the two units, the second has the larger norm, 5.
        let weights = vec![1.0, 3.0, 0.5, -4.0, 0.0, 0.0, -0.25, 0.0];
        let model = ModelFile {
            description: ModelDescription {
                schema: ModelFile::SCHEMA,
                kind: ModelKind::Rbm,
                timesteps: 2,
                layout: Layout { lowest_pitch: 60, highest_pitch: 62, planes: vec![Plane::Hold], units: None },
                steps_per_beat: 4,
                run_id: "0123456789ab".into(),
                seed: "1".into(),
                params: serde_json::Map::new(),
            },
            tensors: Parameters {
                visible: 4,
                hidden: 2,
                weights,
                visible_bias: vec![0.0; 4],
                hidden_bias: vec![0.5, -1.0],
            }
            .into(),
        };
        let units = &ModelUnits::of(7, &model)[0];
        let decode = |unit: &HiddenUnit| {
            STANDARD.decode(&unit.weights).unwrap().into_iter().map(|byte| byte as i8).collect::<Vec<_>>()
        };
        assert_eq!(units.units.iter().map(|unit| unit.unit).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(
            (units.units[0].norm, units.units[0].scale, units.units[0].bias),
            (Rounded(5.0), Rounded(4.0), Rounded(-1.0))
        );
        assert_eq!(decode(&units.units[0]), [95, -127, 0, 0]);
        assert_eq!(decode(&units.units[1]), [127, 64, 0, -32]);
        assert_eq!((units.run, units.steps, units.hidden, units.norms.len()), (7, 2, 2, 2));
    }
}
