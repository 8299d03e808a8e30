//! The glossary: what the metrics are called, what they mean, and which way is better.

use serde::Serialize;

/// A metric explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Term {
    /// A few words for headings.
    label: String,
    /// As few as narrow columns need.
    short: String,
    /// The unit; empty for a share or another plain number.
    unit: &'static str,
    /// Which way is better, where one is.
    better: Better,
    /// The definition.
    definition: String,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Better {
    Higher,
    Lower,
    /// As near as possible to the value of the training data.
    Near,
    /// Neither by itself.
    Neither,
}

use Better::{Higher, Lower, Near, Neither};

/// Name without its split or prefix, label, short label, unit, direction, definition.
type Entry = (&'static str, &'static str, &'static str, &'static str, Better, &'static str);

/// Metrics of the model that are there for each split.
const OF_SPLITS: [Entry; 12] = [
    (
        "reconstruction_error",
        "reconstruction error",
        "recon.",
        "",
        Neither,
        "Mean of (v − v′)² over windows and visible units, where v′ is the sample after k Gibbs steps from v. It is no \
         measure of quality: it also falls when chains mix slowly, and models of different k are not compared by it. Read \
         it as a check that training runs; judge by likelihoods.",
    ),
    (
        "free_energy",
        "free energy",
        "free energy",
        "nats per window",
        Neither,
        "Mean of F(v) = −b·v − Σⱼ softplus(cⱼ + v·Wⱼ). Without the partition function its level says nothing across \
         models; differences within one model do.",
    ),
    (
        "pseudo_log_likelihood",
        "pseudo-log-likelihood",
        "PLL",
        "nats per window",
        Higher,
        "Mean over windows of Σᵢ log p(vᵢ | all other units), every unit, exactly. Longer windows have more units, so \
         compare it among windows of one length.",
    ),
    (
        "pseudo_log_likelihood_per_step",
        "pseudo-log-likelihood per step",
        "PLL / step",
        "nats per time step",
        Higher,
        "The pseudo-log-likelihood divided by the time steps of a window, so that windows of different lengths compare.",
    ),
    (
        "log_likelihood_exact",
        "log-likelihood",
        "log-lik.",
        "nats per window",
        Higher,
        "Mean of −F(v) less log Z, where log Z is exact, by enumeration of the smaller layer.",
    ),
    (
        "log_likelihood_ais",
        "log-likelihood by AIS",
        "log-lik. (AIS)",
        "nats per window",
        Higher,
        "Mean of −F(v) less log Z by annealed importance sampling from the base-rate model. If anything it is too high: \
         read it beside that by reverse AIS.",
    ),
    (
        "log_likelihood_reverse_ais",
        "log-likelihood by reverse AIS",
        "log-lik. (reverse)",
        "nats per window",
        Higher,
        "Mean of −F(v) less log Z by annealing back from samples of the model. If anything it is too low, where the \
         samples are the model's.",
    ),
    (
        "log_likelihood_anchored_ais",
        "log-likelihood by the share of the training windows (AIS)",
        "log-lik. (anchored AIS)",
        "nats per window",
        Higher,
        "Mean of −F(v) less log Z by the part of Z that the training windows make and their share of what annealing from \
         the base-rate model ends at: the narrower estimate where that share is near 1.",
    ),
    (
        "log_likelihood_anchored_samples",
        "log-likelihood by the share of the training windows (samples)",
        "log-lik. (anchored samples)",
        "nats per window",
        Higher,
        "Mean of −F(v) less log Z by the part of Z that the training windows make and their share of samples of the model, \
         from chains that start at them: too high, as a rule, where these have not mixed.",
    ),
    (
        "log_likelihood_raise",
        "log-likelihood by RAISE",
        "log-lik. (RAISE)",
        "nats per window",
        Higher,
        "The log-likelihood of the annealed model, by annealing back from the windows themselves: if anything too low.",
    ),
    (
        "log_likelihood_cautious",
        "cautious log-likelihood",
        "log-lik. (cautious)",
        "nats per window",
        Higher,
        "Mean of −F(v) less the exact log Z, or else the greatest that annealing either way (by the narrower band of its two \
         estimates) and the training windows themselves give: what to choose a model by.",
    ),
    (
        "log_likelihood_ceiling",
        "log-likelihood ceiling",
        "log-lik. (ceiling)",
        "nats per window",
        Neither,
        "Mean of −F(v) less the part of log Z that the training windows make: the log-likelihood is at most that, for \
         certain. An estimate above it is wrong.",
    ),
];

/// Metrics of the model that stand for themselves.
const OF_MODEL: [Entry; 18] = [
    (
        "free_energy_gap",
        "free-energy gap",
        "energy gap",
        "nats per window",
        Lower,
        "Mean free energy of the validation windows less that of the training windows. The partition function cancels; a \
         gap that grows during training is overfitting.",
    ),
    (
        "update_to_weight_ratio",
        "update-to-weight ratio",
        "update / weight",
        "",
        Neither,
        "Norm of the change of the weights in the last epoch over the norm of the weights before it. About 10⁻³ is \
         usual for a single update; large values mean unstable training.",
    ),
    ("log_partition_exact", "log Z", "log Z", "nats", Neither, "The logarithm of the partition function, exact."),
    (
        "log_partition_ais",
        "log Z by AIS",
        "log Z (AIS)",
        "nats",
        Neither,
        "The logarithm of the partition function by AIS.",
    ),
    (
        "log_partition_ais_low",
        "log Z by AIS, lower end",
        "log Z (AIS) low",
        "nats",
        Neither,
        "Lower end of its band of three standard errors.",
    ),
    (
        "log_partition_ais_high",
        "log Z by AIS, upper end",
        "log Z (AIS) high",
        "nats",
        Neither,
        "Upper end of its band of three standard errors.",
    ),
    (
        "ais_effective_sample_size",
        "effective sample size of AIS",
        "ESS (AIS)",
        "chains",
        Higher,
        "(Σ w)² / Σ w² over the chains' weights w.",
    ),
    (
        "log_partition_reverse_ais",
        "log Z by reverse AIS",
        "log Z (reverse AIS)",
        "nats",
        Neither,
        "The logarithm of the partition function by reverse AIS.",
    ),
    (
        "log_partition_reverse_ais_low",
        "log Z by reverse AIS, lower end",
        "log Z (reverse AIS) low",
        "nats",
        Neither,
        "Lower end of its band of three standard errors.",
    ),
    (
        "log_partition_reverse_ais_high",
        "log Z by reverse AIS, upper end",
        "log Z (reverse AIS) high",
        "nats",
        Neither,
        "Upper end of its band of three standard errors.",
    ),
    (
        "log_partition_anchored_ais",
        "log Z by the training windows' share (AIS)",
        "log Z (anchored AIS)",
        "nats",
        Neither,
        "log Z of the training windows alone less the log of their share of what annealing ends at.",
    ),
    (
        "log_partition_anchored_ais_low",
        "log Z by the training windows' share (AIS), lower end",
        "log Z (anchored AIS) low",
        "nats",
        Neither,
        "Lower end of its band of three standard errors (Wilson 1927, by the effective sample size).",
    ),
    (
        "log_partition_anchored_ais_high",
        "log Z by the training windows' share (AIS), upper end",
        "log Z (anchored AIS) high",
        "nats",
        Neither,
        "Upper end of its band of three standard errors (Wilson 1927, by the effective sample size).",
    ),
    (
        "log_partition_anchored_samples",
        "log Z by the training windows' share (samples)",
        "log Z (anchored samples)",
        "nats",
        Neither,
        "log Z of the training windows alone less the log of their share of samples of the model.",
    ),
    (
        "log_partition_anchored_samples_low",
        "log Z by the training windows' share (samples), lower end",
        "log Z (anchored samples) low",
        "nats",
        Neither,
        "Lower end of its band of three standard errors (Wilson 1927).",
    ),
    (
        "log_partition_anchored_samples_high",
        "log Z by the training windows' share (samples), upper end",
        "log Z (anchored samples) high",
        "nats",
        Neither,
        "Upper end of its band of three standard errors (Wilson 1927).",
    ),
    (
        "log_partition_floor",
        "log Z, at least",
        "log Z (floor)",
        "nats",
        Neither,
        "The part of log Z that the distinct training windows make: log Z is at least that, for certain.",
    ),
    (
        "reverse_ais_effective_sample_size",
        "effective sample size of reverse AIS",
        "ESS (reverse AIS)",
        "chains",
        Higher,
        "(Σ w)² / Σ w² over the chains' weights w.",
    ),
];

/// Metrics of the music of samples.
const OF_MUSIC: [Entry; 20] = [
    (
        "distance",
        "music distance",
        "music distance",
        "0 to 1",
        Lower,
        "Mean of eight differences between samples and training data, each brought to 0–1: polyphony, silent rows, note \
         length, one-step notes, onset without attack, attack without onset, scale consistency, pitch-class entropy. 0 is \
         the training data's own music.",
    ),
    (
        "bernoulli_distance",
        "music distance of independent bits",
        "of indep. bits",
        "0 to 1",
        Neither,
        "The same distance for independent bits with the frequencies of the training data: what a model reaches that has \
         learnt its biases and nothing else.",
    ),
    (
        "nearest_training_window_bits",
        "distance to the nearest training window",
        "nearest window",
        "bits",
        Neither,
        "Mean over samples of the smallest Hamming distance to a training window. 0 is a copy; compare with the distance \
         of training windows to each other.",
    ),
    ("hold_density", "hold density", "hold density", "", Near, "Share of the cells of the hold plane that are on."),
    ("onset_density", "onset density", "onset density", "", Near, "Share of the cells of the onset plane that are on."),
    (
        "polyphony",
        "polyphony",
        "polyphony",
        "pitches",
        Near,
        "Mean number of sounding pitches over the steps at which any sounds.",
    ),
    ("silent_rows", "silent steps", "silent steps", "", Near, "Share of the time steps at which nothing sounds."),
    ("note_length", "note length", "note length", "steps", Near, "Mean length of a note, in time steps."),
    ("one_step_notes", "one-step notes", "one-step notes", "", Near, "Share of the notes that last one step."),
    (
        "onset_without_attack",
        "onsets without attack",
        "onsets without attack",
        "",
        Near,
        "Share of the onsets at which nothing sounds: strokes that strike nothing. 0 in real music.",
    ),
    (
        "attack_without_onset",
        "attacks without onset",
        "attacks without onset",
        "",
        Near,
        "Share of the notes that nothing struck, those of the first step aside. 0 in real music.",
    ),
    (
        "scale_consistency",
        "scale consistency",
        "scale consistency",
        "",
        Near,
        "Largest share of a window's notes within one major or natural minor scale, mean over windows.",
    ),
    (
        "pitch_class_entropy",
        "pitch-class entropy",
        "pitch-class entropy",
        "bits",
        Near,
        "Entropy of a window's notes over the twelve pitch classes, mean over windows; at most log₂ 12 = 3.58.",
    ),
    ("notes", "notes", "notes", "", Neither, "Notes in all samples of the run."),
    ("copies", "copies", "copies", "", Lower, "Share of the samples that are a training window bit for bit."),
    (
        "nearer_than_held_out",
        "nearer than held-out windows",
        "nearer than held-out",
        "",
        Neither,
        "Chance that a sample is nearer to its nearest training window than a held-out window is to its own, ties counted \
         half. About 0.5 for music as new as real music, 1 for copies.",
    ),
    (
        "recognised",
        "recognised samples",
        "recognised",
        "",
        Higher,
        "Share of the samples that sound and are like the built-in corpus: in harmony and texture no farther from its windows than \
         halfway from real windows to independent bits.",
    ),
    ("keys_reached", "keys reached", "keys", "", Higher, "Share of the corpus' keys that some recognised sample has."),
    (
        "progressions_reached",
        "progressions reached",
        "progressions",
        "",
        Higher,
        "Share of the corpus' chord progressions that some recognised sample has.",
    ),
    (
        "textures_reached",
        "textures reached",
        "textures",
        "",
        Higher,
        "Share of the corpus' textures that some recognised sample has.",
    ),
];

/// Times and rates.
const OF_TIME: [Entry; 10] = [
    ("total_s", "total time", "total", "s", Lower, "Wall-clock time of the whole run."),
    ("corpus_s", "corpus", "corpus", "s", Lower, "Splitting the songs and cutting windows."),
    ("train_s", "training time", "training", "s", Lower, "Updates alone: no evaluation, sampling or writing."),
    ("evaluate_s", "evaluating", "evaluating", "s", Lower, "The metrics of all epochs."),
    ("likelihood_s", "log-likelihood", "log-lik.", "s", Lower, "The log-likelihood after the last epoch."),
    ("sample_s", "sampling", "sampling", "s", Lower, "Drawing, writing and judging samples."),
    ("epoch_s", "time of an epoch", "epoch", "s", Lower, "Median training time of an epoch."),
    ("updates_per_s", "updates per second", "updates / s", "1/s", Higher, "Parameter updates in a second of training."),
    ("examples_per_s", "windows per second", "windows / s", "1/s", Higher, "Training windows in a second of training."),
    (
        "connection_updates_per_s",
        "connections per second",
        "connections / s",
        "1/s",
        Higher,
        "Visible × hidden units × examples in a second of training.",
    ),
];

/// What a name of a column or a curve means, if it is a known one.
pub(super) fn term(name: &str) -> Option<Term> {
    let find = |entries: &[Entry], name: &str| entries.iter().find(|entry| entry.0 == name).copied();
    let plain = |(_, label, short, unit, better, definition): Entry| Term {
        label: label.to_owned(),
        short: short.to_owned(),
        unit,
        better,
        definition: definition.to_owned(),
    };
    for (prefix, label, windows) in [
        ("train_", "train", "the windows trained on"),
        ("validation_", "validation", "held-out windows"),
        ("test_", "test", "the data set's test windows"),
    ] {
        let Some(rest) = name.strip_prefix(prefix) else { continue };
        let split = find(&OF_SPLITS, rest).or_else(|| {
            let (_, own, short, _, better, definition) = find(&OF_SPLITS, rest.strip_suffix("_per_step")?)?;
            Some(("", own, short, "nats per time step", better, definition))
        });
        if let Some((found, own, short, unit, better, definition)) = split {
            let (per_step, each) = if found.is_empty() { (" per step", " / step") } else { ("", "") };
            return Some(Term {
                label: format!("{label} {own}{per_step}"),
                short: format!("{} {short}{each}", if prefix == "validation_" { "val." } else { label }),
                unit,
                better,
                definition: format!("On {windows}. {definition}"),
            });
        }
    }
    let music = || find(&OF_MUSIC, name.strip_prefix("sample_")?);
    find(&OF_MODEL, name).or_else(music).or_else(|| find(&OF_TIME, name)).map(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_with_their_split() {
        let own = term("validation_reconstruction_error").unwrap();
        assert_eq!(own.label, "validation reconstruction error");
        assert!(own.definition.starts_with("On held-out windows. Mean of (v − v′)²"));
        assert!(own.definition.contains("no measure of quality"));
        assert_eq!(term("sample_polyphony").unwrap().better, Near);
        assert_eq!(term("train_s").unwrap().unit, "s");
        let likelihood = term("test_log_likelihood_reverse_ais_per_step").unwrap();
        assert_eq!(
            (likelihood.short.as_str(), likelihood.unit),
            ("test log-lik. (reverse) / step", "nats per time step")
        );
        assert_eq!(term("polyphony"), None);
        assert_eq!(term("train_polyphony"), None);
    }
}
