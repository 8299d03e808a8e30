//! The registry of configuration keys, each with its path, values, default, one sentence.
//!
//! Everything that reads, checks, sweeps or lists settings walks this table: a key is added here and in the options
//! struct that receives it, and nowhere else.

use super::key::{Key, Kind, Literal, Role, display};
use crate::model::ModelKind;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::LazyLock;

/// The greatest integer where no nearer bound has a meaning.
const MANY: i64 = 1_000_000;

/// The kinds of model over sequences of frames.
const SEQUENCES: &[ModelKind] = &[ModelKind::RnnRbm];
/// The kinds of model of several hidden layers, trained one by one.
const LAYERED: &[ModelKind] = &[ModelKind::Dbn];

/// The kinds of model that are trained as one.
const UNLAYERED: &[ModelKind] = &[ModelKind::Rbm, ModelKind::RnnRbm];

/// Every key, table by table, in the order of the reference.
pub static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let pretraining: Vec<Key> = LISTED.iter().filter_map(Key::of_pretraining).collect();
    let mut keys = LISTED.to_vec();
    let place = keys.iter().rposition(|key| key.table() == "train").map_or(keys.len(), |last| last + 1);
    keys.splice(place..place, pretraining);
    keys
});

/// The keys but those of the stage of pretraining, which follow from those of training.
static LISTED: &[Key] = &[
    Key::integer("schema", [1, 1], 1, "The version of this format.").role(Role::Setup),
    Key::new(
        "name",
        Kind::FileName,
        Literal::Absent,
        "The name of the sweep and of its folder of results; by default the name of the file without its extension.",
    )
    .role(Role::Setup),
    Key::new(
        "tags",
        Kind::Texts,
        Literal::Texts(&[]),
        "Words by which you find the sweep again. `plan.json`, `status` and the report show them; no result depends on it.",
    )
    .role(Role::Setup),
    Key::new(
        "note",
        Kind::Text,
        Literal::Absent,
        "What the sweep is for, in your own words, shown beside the tags.",
    )
    .role(Role::Setup),
    // Corpus.
    Key::choice(
        "corpus.source",
        &["builtin", "bars-and-stripes"],
        "The data to train on if no path is set: the corpus that comes with the program, or all bars and stripes, \
         with one line per pitch, a small set whose best log-likelihood is known.",
    )
    .role(Role::Input),
    Key::new(
        "corpus.path",
        Kind::InputPath,
        Literal::Absent,
        "A folder of MIDI files, one MIDI file, a polyphonic data set in JSON, or rows of 0 and 1 that are not music (a file \
         in .npy or .csv, or a folder with such files named train, valid and test), relative to the configuration file (with \
         `--set`, to the working directory).",
    )
    .role(Role::Input),
    Key::choice(
        "corpus.compat",
        &["none", "article", "seed"],
        "`article` reads MIDI files as the article's program does, and changes the defaults marked with †; `seed` is its \
         older name, which records keep.",
    ),
    Key::integer("corpus.lowest_pitch", [0, 127], 24, "The lowest MIDI pitch kept.").data_set(Literal::Integer(21)),
    Key::integer("corpus.highest_pitch", [1, 128], 102, "One more than the highest MIDI pitch kept.")
        .data_set(Literal::Integer(109)),
    Key::new(
        "corpus.planes",
        Kind::Choices(&["hold", "onset"]),
        Literal::Texts(&["hold", "onset"]),
        "The planes of a time step, in order: notes that sound (hold) and notes that are struck (onset).",
    )
    .data_set(Literal::Texts(&["hold"])),
    Key::integer("corpus.steps_per_beat", [1, 96], 4, "Time steps in a quarter note."),
    Key::integer("corpus.min_steps", [1, MANY], 1, "Songs of fewer time steps are skipped.").seed(Literal::Integer(51)),
    Key::choice(
        "corpus.rounding",
        &["nearest", "down"],
        "The time step of an event between two; `compat = \"article\"` has a rule of its own.",
    ),
    Key::flag("corpus.drums", false, "True if the notes of the drum channel are kept.").seed(Literal::Bool(true)),
    Key::flag(
        "corpus.sustain",
        false,
        "True if a note that is let go while the sustain pedal is down lasts until the pedal is lifted or the pitch is \
         struck again; `compat = \"article\"` does not know the pedal.",
    )
    .since(5),
    Key::new(
        "corpus.metres",
        Kind::Integers { min: 1, max: 255 },
        Literal::Integers(&[]),
        "Numerators of time signatures that are kept: a song ends before the first other one; empty for any.",
    )
    .seed(Literal::Integers(&[2, 4])),
    Key::choice(
        "corpus.damaged",
        &["use", "skip", "fail"],
        "The treatment of a damaged file: use its sound part, skip it, or stop.",
    ),
    Key::share(
        "corpus.validation",
        0.1,
        "Share of the songs (or rows) held out for validation; a data set with splits of its own keeps those.",
    )
    .seed(Literal::Float(0.0)),
    Key::choice(
        "corpus.split_by",
        &["song", "folder", "tune"],
        "The things that stand on one side of the split as a whole: each song; the songs below each folder in `path`; or \
         songs that are versions of one another, which have half of their bars or of their top lines in common.",
    )
    .since(6),
    Key::new(
        "corpus.transpose",
        Kind::Integers { min: -127, max: 127 },
        Literal::Integers(&[]),
        "Semitones by which each training song is transposed, to be trained on beside the song as it is; a transposition \
         that would take a note of the song out of the pitches kept is left out. Songs held out stay as they are.",
    ),
    Key::integer(
        "corpus.stride",
        [0, MANY],
        0,
        "Time steps from the start of one training window to the next; 0 for the length of a window, so that none \
         overlap. Windows held out never overlap.",
    ),
    // Model.
    Key::choice("model.kind", ModelKind::NAMES, "The kind of model: a Restricted Boltzmann Machine; an RNN-RBM, an RBM over frames whose biases a recurrent \
         network sets; or a deep belief network, an RBM on top of directed layers.").since(2),
    Key::integer("model.timesteps", [1, 65_536], 15, "Time steps in a window, the visible layer of the model.")
        .rows(Literal::Integer(1)),
    Key::integer("model.hidden", [1, 65_536], 50, "Hidden units; a deep belief network has `model.layers` in their place."),
    Key::new(
        "model.layers",
        Kind::Layers { min: 1, max: 65_536 },
        Literal::Integers(&[200, 100]),
        "Units of the hidden layers, from below. Keys of `train` take a list with a value for each layer, too, save those of \
         early stopping, `engine`, `propagate` and `skip_first_window`.",
    )
    .since(4)
    .of(LAYERED),
    Key::flag(
        "model.tied_start",
        false,
        "Start a layer that has as many units as the one two below it as the layer below with its sides exchanged, which leaves \
         the likelihood as it is.",
    )
    .since(4)
    .of(LAYERED),
    Key::float("model.weight_mean", [-1e3, 1e3], 0.0, "Mean of the initial weights, which are normally distributed."),
    Key::float("model.weight_std", [0.0, 1e3], 0.01, "Standard deviation of the initial weights."),
    Key::choice(
        "model.visible_bias",
        &["log-odds", "zero"],
        "Visible biases before training: the log-odds of each unit in the training windows, or zero.",
    ),
    Key::integer("model.recurrent", [1, 65_536], 100, "Units of the recurrent network.").since(3).of(SEQUENCES),
    Key::float(
        "model.recurrent_std",
        [0.0, 1e3],
        0.01,
        "Standard deviation of the initial weights of the recurrent network, whose mean is 0.",
    )
    .since(3)
    .of(SEQUENCES),
    // Training.
    Key::choice(
        "train.method",
        &["cd", "pcd", "pt", "exact"],
        "Contrastive divergence, whose chains start at the data; persistent, whose chains continue from update to \
         update; parallel tempering, the same at several temperatures; or the exact gradient, for layers of at most 20 units.",
    ),
    Key::integer(
        "train.chains",
        [0, MANY],
        0,
        "Under pcd and pt, persistent chains (at each temperature); 0 for as many as `train.batch_size`.",
    ),
    Key::integer("train.temperatures", [2, 1000], 10, "Under pt, the temperatures, the model's own included."),
    Key::float(
        "train.lowest_inverse_temperature",
        [0.0, 1.0],
        0.5,
        "Under pt, the inverse of the highest temperature; the others are spaced evenly from it to 1.",
    ),
    Key::integer("train.k", [1, MANY], 1, "Gibbs steps of the chains in each update."),
    Key::integer(
        "train.k_final",
        [0, MANY],
        0,
        "Gibbs steps in the last epoch, reached from `train.k` in even steps; 0 for `train.k` throughout.",
    ),
    Key::float("train.learning_rate", [0.0, 1e3], 0.005, "Step size of the update."),
    Key::choice(
        "train.learning_rate_schedule",
        &["constant", "linear", "exponential", "inverse"],
        "The curve of the learning rate, epoch by epoch, to `train.learning_rate_final` in the last.",
    ),
    Key::float(
        "train.learning_rate_final",
        [0.0, 1e3],
        0.0,
        "The learning rate of the last epoch, unless the schedule is constant.",
    ),
    Key::integer("train.epochs", [0, MANY], 200, "Passes over the training windows."),
    Key::integer(
        "train.averaged_epochs",
        [0, MANY],
        0,
        "The last epochs, over whose updates the parameters are averaged: the mean is the model; 0 for those of the last update.",
    ),
    Key::integer(
        "train.stop_after",
        [0, MANY],
        0,
        "Epochs after which training stops, while schedules still follow `train.epochs`; 0 to train all of them.",
    )
    .since(7)
    .of(UNLAYERED),
    Key::integer("train.batch_size", [1, MANY], 100, "Windows in a batch, at most."),
    Key::choice(
        "train.batches",
        &["shuffled", "per-song"],
        "Batches of windows from all songs in a new random order every epoch, or of consecutive windows of one song.",
    ),
    Key::flag("train.skip_first_window", false, "True if the first window of every song is left out of training."),
    Key::choice(
        "train.statistics",
        &["probabilities", "samples"],
        "The hidden values that the gradient is estimated from: probabilities, or samples.",
    ),
    Key::choice(
        "train.positive_sample",
        &["chain", "separate"],
        "The hidden sample of the positive statistics, under cd with samples: that of the chain, or a separate one.",
    ),
    Key::share("train.momentum", 0.0, "Share of an update that is carried over into the next."),
    Key::share("train.initial_momentum", 0.0, "Momentum of the epochs before `train.momentum_switch_epoch`."),
    Key::integer(
        "train.momentum_switch_epoch",
        [0, MANY],
        0,
        "The first epoch, counted from 0, in which `train.momentum` applies; before it, `train.initial_momentum`.",
    ),
    Key::flag("train.nesterov", false, "True if momentum follows Nesterov's rule."),
    Key::float("train.weight_decay", [0.0, 1e3], 0.0, "Factor of the quadratic (L2) penalty on the weights."),
    Key::float("train.weight_decay_l1", [0.0, 1e3], 0.0, "Factor of the absolute (L1) penalty on the weights."),
    Key::float("train.sparsity_strength", [0.0, 1e3], 0.0, "The strength of the pull of hidden units to a mean activity."),
    Key::float("train.sparsity_target", [0.0, 1.0], 0.1, "The mean activity that hidden units are pulled to."),
    Key::share("train.sparsity_decay", 0.9, "Share of the running mean of activities that an update leaves."),
    Key::choice(
        "train.centring",
        &["none", "data", "average"],
        "The centre of the gradient: none, running means of the data, or those of data and model.",
    ),
    Key::float(
        "train.centring_rate",
        [0.0, 1.0],
        0.01,
        "Share of the way to a batch's means that the centre goes in each update.",
    ),
    Key::choice(
        "train.early_stopping_metric",
        &["none", "pseudo-log-likelihood", "reconstruction-error"],
        "The metric of the held-out songs that ends training when it stops improving; `none` trains all epochs.",
    ),
    Key::integer(
        "train.early_stopping_patience",
        [1, MANY],
        10,
        "Evaluations in a row without improvement that end training.",
    ),
    Key::float(
        "train.early_stopping_min_delta",
        [0.0, 1e9],
        0.0,
        "The least difference from the best value that counts as an improvement.",
    ),
    Key::flag(
        "train.early_stopping_restore",
        true,
        "True if the result is the model of the best epoch, not that of the last.",
    ),
    Key::choice(
        "train.engine",
        &["packed", "dense", "reference"],
        "Bits and sums of selected rows, dense matrix products to compare with, or plain loops to check both by.",
    ),
    Key::choice(
        "train.optimizer",
        &["sgd", "adam"],
        "Steps along the gradient, with momentum, or Adam's, scaled by running means of the gradient and its square.",
    )
    .since(3),
    Key::share("train.adam_first", 0.9, "Under adam, share of the mean of gradients that an update leaves.").since(3),
    Key::share("train.adam_second", 0.999, "Under adam, share of the mean of squared gradients that an update leaves.")
        .since(3),
    Key::float("train.adam_epsilon", [1e-30, 1.0], 1e-8, "Under adam, the number added to the root of that mean.").since(3),
    Key::integer("train.chunk", [0, MANY], 0, "Frames of a song that are trained on at once; 0 for whole songs.")
        .since(3)
        .of(SEQUENCES),
    Key::flag(
        "train.carry_state",
        false,
        "Start a chunk at the state that the song's frames before it lead to, rather than at the initial state.",
    )
    .since(3)
    .of(SEQUENCES),
    Key::float(
        "train.gradient_norm",
        [0.0, 1e9],
        0.0,
        "Greatest norm of the whole gradient, which is scaled down to it; 0 for no bound.",
    )
    .since(3)
    .of(SEQUENCES),
    Key::float(
        "train.gradient_clip",
        [0.0, 1e9],
        0.0,
        "Greatest size of one element of the gradient, which is cut off at it; 0 for no bound.",
    )
    .since(3)
    .of(SEQUENCES),
    Key::float("train.rbm_rate", [0.0, 1e3], 1.0, "Factor of the step size for the RBM's own weights and biases.")
        .since(3)
        .of(SEQUENCES),
    Key::float(
        "train.rate_by_frame",
        [0.0, 1e9],
        0.0,
        "Bound on the step size: at most this number over the place of a chunk's first frame in its song, counted from 1; 0 \
         for no bound.",
    )
    .since(3)
    .of(SEQUENCES),
    Key::share(
        "train.dropout",
        0.0,
        "Probability with which a visible unit is hidden from the recurrent network, or a unit of that from the biases.",
    )
    .since(3)
    .of(SEQUENCES),
    Key::choice(
        "train.propagate",
        &["samples", "means"],
        "The values of a layer that the next one is trained on: states, drawn afresh in every epoch, or mean activations.",
    )
    .since(4)
    .of(LAYERED),
    Key::integer(
        "train.fine_tune_epochs",
        [0, MANY],
        0,
        "Epochs after the last layer that train all layers together by the up-down algorithm; 0 for none.",
    )
    .since(4)
    .of(LAYERED),
    Key::float("train.fine_tune_rate", [0.0, 1e3], 0.001, "Step size in these epochs.").since(4).of(LAYERED),
    // Evaluation.
    Key::integer(
        "evaluate.every",
        [1, MANY],
        1,
        "Epochs from one evaluation to the next; the last is always evaluated.",
    ),
    Key::integer(
        "evaluate.pseudo_likelihood_windows",
        [0, MANY],
        100,
        "Windows of each split that the exact pseudo-log-likelihood is computed on, a fixed random choice; 0 for none.",
    ),
    Key::integer(
        "evaluate.windows",
        [0, MANY],
        0,
        "Windows of each split that the other metrics are computed on, at most; 0 for all.",
    ),
    Key::choice(
        "evaluate.log_likelihood",
        &["auto", "none", "exact", "ais"],
        "The log-likelihood after the last epoch: exact where that takes about a second at most, not at all, exact (a layer of \
         at most 25 units), or by annealed importance sampling from both sides.",
    ).after_training(),
    Key::integer("evaluate.ais_chains", [2, MANY], 500, "Chains of annealed importance sampling in each direction.").after_training(),
    Key::integer(
        "evaluate.ais_temperatures",
        [2, 100_000_000],
        10_000,
        "Inverse temperatures that each of these chains passes, from 0 to 1, both counted.",
    ).after_training(),
    Key::choice(
        "evaluate.ais_spacing",
        &["linear", "late-dense"],
        "The inverse temperatures: equally spaced, or most of them near 1 as Salakhutdinov and Murray have them.",
    ).after_training(),
    Key::integer(
        "evaluate.ais_mixing_steps",
        [0, MANY],
        1_000,
        "Gibbs steps from training windows to the starts of the chains of reverse AIS.",
    ).after_training(),
    Key::integer(
        "evaluate.raise_windows",
        [0, MANY],
        100,
        "Windows of each split that a reverse-annealed chain (RAISE) starts at; 0 for none.",
    ).after_training(),
    Key::integer(
        "evaluate.posterior_samples",
        [1, MANY],
        20,
        "Times that the hidden layers are drawn given each window, for the bound on the likelihood and its estimate.",
    )
    .since(4)
    .of(LAYERED)
    .after_training(),
    Key::integer(
        "evaluate.frames",
        [0, MANY],
        1_000,
        "Frames of each split whose likelihood is estimated by annealing, a fixed random choice; 0 for all.",
    )
    .since(3)
    .of(SEQUENCES)
    .after_training(),
    Key::integer("evaluate.frame_chains", [1, MANY], 20, "Chains of annealed importance sampling of each frame.")
        .since(3)
        .of(SEQUENCES)
        .after_training(),
    Key::integer(
        "evaluate.frame_temperatures",
        [2, 100_000_000],
        300,
        "Inverse temperatures that each of these chains passes, from 0 to 1, both counted.",
    )
    .since(3)
    .of(SEQUENCES)
    .after_training(),
    // Samples.
    Key::integer("sample.count", [0, 100_000], 10, "Samples that a trained model draws.").after_training(),
    Key::integer("sample.steps", [1, MANY], 1, "Gibbs steps that lead to a sample.").after_training(),
    Key::choice(
        "sample.start",
        &["zeros", "noise", "data", "previous", "independent"],
        "The start of a sample's chain: silence, coin flips, or a training window (a model of sequences: one of the training \
         frames, drawn by its probability at the frame); for a model of sequences also the frame before, or units drawn by \
         the frame's biases alone.",
    ).after_training(),
    Key::float(
        "sample.temperature",
        [1e-3, 1e3],
        1.0,
        "The temperature of sampling, by which every input of a unit is divided; 1 is the model itself.",
    ).after_training(),
    Key::float(
        "sample.annealing",
        [1e-3, 1e3],
        1.0,
        "The temperature of the first Gibbs step of a sample over that of the last; it falls by the same factor each \
         step.",
    ).after_training(),
    Key::choice(
        "sample.last_step",
        &["draw", "likeliest"],
        "The last visible units: drawn, or each in its likelier state given the hidden units.",
    ).after_training(),
    Key::integer("sample.length", [1, 1_048_576], 64, "Time steps of a sampled piece.")
        .since(3)
        .of(SEQUENCES)
        .after_training(),
    Key::flag("sample.skip_empty", true, "True if a sample without a note gets no file.").after_training(),
    Key::float("sample.tempo", [4.0, 1e3], 120.0, "Tempo of the written music in quarter notes a minute.").after_training(),
    Key::integer("sample.velocity", [1, 127], 40, "Velocity of the written notes.").after_training(),
    Key::integer("sample.program", [0, 127], 0, "MIDI program (instrument) of the written notes, counted from 0.").after_training(),
    // Replicates.
    Key::integer("replicates.count", [1, 100_000], 1, "Runs of every point, each with a seed of its own.")
        .role(Role::Setup),
    Key::new(
        "replicates.seed",
        Kind::Seed,
        Literal::Integer(42),
        "The seed that the seeds of replicates and the points of a random sweep derive from.",
    )
    .role(Role::Setup),
    // Running.
    Key::new(
        "run.jobs",
        Kind::AutoOrInteger { max: 4096 },
        Literal::Text("auto"),
        "Runs at the same time; `auto` fills the processor.",
    )
    .role(Role::Setup),
    Key::new(
        "run.threads_per_run",
        Kind::AutoOrInteger { max: 4096 },
        Literal::Text("auto"),
        "Threads of one run; `auto` shares the threads that the jobs leave, if the work is large enough. No result \
         depends on it.",
    )
    .role(Role::Setup),
    Key::choice(
        "run.isa",
        &["auto", "scalar", "avx2", "avx512", "neon"],
        "The instruction set of the packed engine, by default the most capable of the processor; no result depends on it. \
         `neon` is what records call the scalar kernels on 64-bit ARM. The environment variable `CHORDBENCH_ISA` overrides it.",
    )
    .role(Role::Setup),
    Key::float(
        "run.timeout",
        [0.0, 1e9],
        0.0,
        "Seconds that a run may take, interruptions not counted; 0 for any. A longer run stops at a checkpoint.",
    )
    .role(Role::Setup),
    Key::float(
        "run.checkpoint_seconds",
        [0.0, 1e9],
        60.0,
        "Seconds from one checkpoint of a run to the next; 0 for one at interruption only.",
    )
    .role(Role::Setup),
    Key::new(
        "output.dir",
        Kind::OutputPath,
        Literal::Text("results"),
        "The folder that the folder of results is made in, relative to the working directory.",
    )
    .role(Role::Setup),
    // Search.
    Key::new(
        "sweep.halving.metric",
        Kind::Text,
        Literal::Text("validation_pseudo_log_likelihood"),
        "The metric that successive halving ranks points by, as its mean over replicates.",
    )
    .role(Role::Setup),
    Key::integer(
        "sweep.halving.eta",
        [2, 100],
        3,
        "The factor from one rung of successive halving to the next: one point in so many goes on, for so many times \
         the epochs.",
    )
    .role(Role::Setup),
    Key::new(
        "sweep.halving.first_epochs",
        Kind::Integer { min: 1, max: MANY },
        Literal::Absent,
        "Epochs of the first rung, in which all points are trained; it turns successive halving on.",
    )
    .role(Role::Setup),
];

/// Returns the position in [`KEYS`] of the key with this path.
pub fn find_key(path: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.path == path)
}

/// Returns the reference of all keys as Markdown tables, one for each table of the configuration, and a line on its
/// marks.
pub fn keys_markdown() -> String {
    let mut text = String::new();
    let mut table = None;
    for key in KEYS.iter() {
        if table != Some(key.table()) {
            table = Some(key.table());
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str("| key | values | default | meaning |\n|---|---|---|---|\n");
        }
        let mut default = code(&key.default.into());
        if let Some(seed) = key.seed_default {
            let _ = write!(default, " († {})", code(&seed.into()));
        }
        if let Some(data_set) = key.data_set_default {
            let _ = write!(default, " (JSON: {})", code(&data_set.into()));
        }
        if let Some(rows) = key.rows_default {
            let _ = write!(default, " (rows: {})", code(&rows.into()));
        }
        let values = key.kind.describe();
        let _ = writeln!(text, "| `{}` | {values} | {default} | {} |", key.path, key.doc);
    }
    text.push_str(
        "\n† the default under `corpus.compat = \"article\"`. JSON: the default for a polyphonic data set in JSON.\n\
         rows: the default for rows of 0 and 1 that are not music.\n",
    );
    text
}

/// Formats a default as code in Markdown.
fn code(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        value => format!("`{}`", display(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_unique_and_tables_in_one_piece() {
        let mut tables: Vec<&str> = Vec::new();
        for (index, key) in KEYS.iter().enumerate() {
            assert_eq!(find_key(key.path), Some(index), "{} is listed twice", key.path);
            assert!(key.doc.ends_with('.') && !key.doc.contains('|'), "{}", key.path);
            if tables.last() != Some(&key.table()) {
                assert!(!tables.contains(&key.table()), "[{}] is split", key.table());
                tables.push(key.table());
            }
        }
    }

    #[test]
    fn the_reference_has_a_row_for_every_key() {
        let reference = keys_markdown();
        for key in KEYS.iter() {
            let rows = reference.lines().filter(|line| line.starts_with(&format!("| `{}` |", key.path)));
            assert_eq!(rows.count(), 1, "{}", key.path);
        }
        assert!(reference.contains("| `train.k` | an integer from 1 to 1000000 | `1` | Gibbs steps"));
        assert!(reference.contains("`1` († `51`)"));
        assert!(reference.contains("`[\"hold\", \"onset\"]` (JSON: `[\"hold\"]`)"));
    }
}
