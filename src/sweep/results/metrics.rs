//! The registry of metrics.
//!
//! Labels, units, directions, columns, their order and the tables of the documentation are queries on [`METRICS`]. A
//! new metric of the model needs an entry here, and a value under its name in the record. The entry of a metric of
//! music or time reads its value itself.

use super::metric::Direction::{Higher, Lower, Near, Neither};
use super::metric::{Metric, MetricGroup, NamedMetric, Reach, Reading, SplitName, Subject, Variant};
use std::fmt::Write as _;

/// The metrics, group by group, in the order in which they are shown.
///
/// `compare` judges log-likelihoods, the distance of the music and the times of work. It does not judge bounds and
/// estimates that describe the annealing (ceiling, effective sample size), values that mean nothing by themselves (free
/// energy, log Z), metrics whose best value is that of the training data, metrics that are best in a model that has
/// learnt nothing (free-energy gap, copies), and the reconstruction error, which depends on the chains as much as on
/// the model.
pub static METRICS: &[Metric] = &[
    // Likelihoods.
    Metric::log_likelihood(
        "log_likelihood_exact",
        ["log-likelihood", "log-lik."],
        "Mean of −F(v) − log Z over the windows, with F(v) = −b·v − Σⱼ softplus(cⱼ + v·Wⱼ) and log Z exact, by \
         enumeration of the smaller layer.",
    )
    .ranks()
    .terminal("LL/step", 3)
    .listed(),
    Metric::log_likelihood(
        "log_likelihood_cautious",
        ["cautious log-likelihood", "log-lik. (cautious)"],
        "Mean of −F(v) − log Z with the exact log Z or, without it, the greatest of log_partition_floor and what \
         annealing finds in each direction: of its two estimates the one with the narrower band, or the greater where \
         the bands do not overlap. Too low more often than not; undefined where a direction is missing. Choose models \
         by it.",
    )
    .ranks()
    .terminal("cautious LL/step", 3)
    .listed(),
    Metric::log_likelihood(
        "log_likelihood_ais",
        ["log-likelihood by AIS", "log-lik. (AIS)"],
        "Mean of −F(v) − log Z with log Z by annealed importance sampling (AIS) from the base-rate model. Too high, if \
         anything: read it beside that by reverse AIS.",
    )
    .terminal("AIS/step", 3),
    Metric::log_likelihood(
        "log_likelihood_reverse_ais",
        ["log-likelihood by reverse AIS", "log-lik. (reverse)"],
        "Mean of −F(v) − log Z with log Z by annealing back from samples of the model. Too low, if anything, where the \
         samples are the model's.",
    )
    .terminal("rev. AIS/step", 3),
    Metric::log_likelihood(
        "log_likelihood_anchored_ais",
        ["log-likelihood by the share of the training windows (AIS)", "log-lik. (anchored AIS)"],
        "Mean of −F(v) − log Z with log Z by the part of Z that the training windows make and their share of what \
         annealing from the base-rate model ends at. Errs either way; the narrower estimate where that share is near 1 \
         and no mode is missed.",
    ),
    Metric::log_likelihood(
        "log_likelihood_anchored_samples",
        ["log-likelihood by the share of the training windows (samples)", "log-lik. (anchored samples)"],
        "Mean of −F(v) − log Z with log Z by the part of Z that the training windows make and their share of samples \
         of the model, from chains that start at them. Errs either way; too high, as a rule, where the chains have not \
         left them.",
    ),
    Metric::log_likelihood(
        "log_likelihood_raise",
        ["log-likelihood by RAISE", "log-lik. (RAISE)"],
        "The log-likelihood of the annealed model, by annealing back from windows of the split itself (RAISE). Too \
         low, if anything.",
    ),
    Metric::log_likelihood(
        "log_likelihood_ceiling",
        ["log-likelihood ceiling", "log-lik. (ceiling)"],
        "Mean of −F(v) less log_partition_floor. A bound and not an estimate: the log-likelihood is at most that, for \
         certain, and an estimate above it is wrong.",
    )
    .better(Neither)
    .not_judged(),
    Metric::log_likelihood(
        "log_likelihood_bound",
        ["log-likelihood bound", "log-lik. (bound)"],
        "Of a deep belief network: the mean over windows of E[log w] − log Z, with w the weight of hidden layers drawn given \
         the window, and log Z of the top RBM, exact or the greatest found. A lower bound, if log Z is not too small.",
    ),
    Metric::log_likelihood(
        "log_likelihood_estimate",
        ["log-likelihood by importance sampling", "log-lik. (estimate)"],
        "Of a deep belief network: the mean over windows of log(mean w) − log Z over evaluate.posterior_samples draws, with w \
         and log Z as in the bound. Above the bound and in expectation below the log-likelihood, which it reaches with more draws.",
    ),
    Metric::of_all_splits(
        "log_likelihood_of_1_layer",
        ["log-likelihood of the lowest layer", "log-lik. (1 layer)"],
        "nats",
        "Of a deep belief network: the cautious log-likelihood of its lowest layer alone, an RBM of its own, from which one \
         sees what the layers above add.",
    )
    .per_window()
    .better(Higher),
    Metric::of_all_splits(
        "log_likelihood_of_2_layers",
        ["log-likelihood of the two lowest layers", "log-lik. (2 layers)"],
        "nats",
        "Of a deep belief network: the cautious log-likelihood of its two lowest layers alone, a network of its own, from which one \
         sees what the layers above add.",
    )
    .per_window()
    .better(Higher),
    Metric::of_all_splits(
        "log_likelihood_of_3_layers",
        ["log-likelihood of the three lowest layers", "log-lik. (3 layers)"],
        "nats",
        "Of a deep belief network: the cautious log-likelihood of its three lowest layers alone, a network of its own, from which one \
         sees what the layers above add.",
    )
    .per_window()
    .better(Higher),
    Metric::of_all_splits(
        "log_likelihood_by_song",
        ["log-likelihood by song", "log-lik. (by song)"],
        "nats",
        "Of a model of sequences: the cautious log-likelihood as the mean over songs of the mean over their frames, as \
         some papers have it. Every other log-likelihood is a mean over all frames alike.",
    )
    .per_window()
    .better(Higher),
    Metric::of_all_splits(
        "frames_below_floor",
        ["frames below their floor", "below floor"],
        "",
        "Of a model of sequences: the share of the frames whose log Z annealing finds below the part that the training \
         frames make, which is certainly wrong. Near 0 the estimates can be trusted.",
    ),
    Metric::of_all_splits(
        "accuracy",
        ["frame accuracy", "accuracy"],
        "",
        "Of a model of sequences: the expected number of units on in both frame and prediction over that of units on \
         in either, pooled over frames (Bay, Ehmann and Downie 2009). Predictions are drawn given the frames before: the \
         weighted ends of the annealed chains.",
    )
    .better(Higher),
    Metric::of_all_splits(
        "accuracy_of_copy",
        ["frame accuracy of copying", "accuracy (copy)"],
        "",
        "The frame accuracy of predicting every frame to be the one before it, beside which that of a model is to be \
         seen.",
    ),
    Metric::of_splits(
        "pseudo_log_likelihood",
        ["pseudo-log-likelihood", "PLL"],
        "nats",
        "Mean over windows of Σᵢ log p(vᵢ | all other units), every unit, exactly; on at most \
         evaluate.pseudo_likelihood_windows windows. Longer windows have more units: only the value per step compares \
         windows of different lengths.",
    )
    .per_window()
    .and_per_step()
    .better(Higher)
    .judged()
    .ranks()
    .terminal_of_both("PLL/step", 3)
    .listed_of_both(),
    // Energies and training.
    Metric::of_model(
        "free_energy_gap",
        ["free-energy gap", "energy gap"],
        "nats",
        "Mean free energy of the validation windows less that of the training windows. The partition function cancels. \
         A gap that grows during training is overfitting; a model that has learnt nothing has none.",
    )
    .per_window()
    .better(Lower),
    Metric::of_splits(
        "reconstruction_error",
        ["reconstruction error", "recon."],
        "",
        "Mean of (v − v′)² over windows and visible units, where v′ is the sample after k Gibbs steps from v. It is \
         not a measure of quality: it also falls when chains mix slowly, and models of different k are not compared by \
         it. Read it as a check that training runs; judge by likelihoods.",
    )
    .terminal_of_both("recon", 4)
    .listed(),
    Metric::of_splits(
        "free_energy",
        ["free energy", "free energy"],
        "nats",
        "Mean of F(v) = −b·v − Σⱼ softplus(cⱼ + v·Wⱼ). Without the partition function its level says nothing across \
         models; differences within one model do.",
    )
    .per_window(),
    Metric::of_model(
        "update_to_weight_ratio",
        ["update-to-weight ratio", "update / weight"],
        "",
        "Norm of the change of the weights in the last epoch over the norm of the weights before it. The step to the \
         mean is part of the change where parameters are averaged. About 10⁻³ is usual for a single update; large \
         values mean unstable training.",
    ),
    Metric::of_model(
        "exchange_acceptance",
        ["exchange acceptance", "exchanges"],
        "",
        "Under parallel tempering, the share of the exchanges tried between neighbouring temperatures in the last \
         epoch that were made, mean over the neighbours. Near 0, states do not travel between temperatures; near 1, \
         fewer temperatures would do. Undefined before any exchange was tried.",
    ),
    Metric::of_model(
        "least_exchange_acceptance",
        ["least exchange acceptance", "least exchanges"],
        "",
        "Under parallel tempering, the share of exchanges made between the two neighbouring temperatures that exchange \
         least. Near 0, the temperatures fall into two parts that do not mix: more temperatures help. Undefined before \
         any exchange was tried.",
    ),
    // Partition functions.
    Metric::of_model(
        "log_partition_exact",
        ["log Z", "log Z"],
        "nats",
        "The logarithm of the partition function, exact, by enumeration of the smaller layer.",
    ),
    Metric::of_model(
        "log_partition_ais",
        ["log Z by AIS", "log Z (AIS)"],
        "nats",
        "The logarithm of the partition function by annealed importance sampling from the base-rate model.",
    )
    .with_band(),
    Metric::of_model(
        "log_partition_reverse_ais",
        ["log Z by reverse AIS", "log Z (reverse AIS)"],
        "nats",
        "The logarithm of the partition function by annealing back from samples of the model.",
    )
    .with_band(),
    Metric::of_model(
        "log_partition_anchored_ais",
        ["log Z by the training windows' share (AIS)", "log Z (anchored AIS)"],
        "nats",
        "log_partition_floor less the logarithm of the training windows' share of what annealing from the base-rate \
         model ends at. The band is Wilson's (1927), by the effective sample size.",
    )
    .with_band(),
    Metric::of_model(
        "log_partition_anchored_samples",
        ["log Z by the training windows' share (samples)", "log Z (anchored samples)"],
        "nats",
        "log_partition_floor less the logarithm of the training windows' share of samples of the model. The band is \
         Wilson's (1927).",
    )
    .with_band(),
    Metric::of_model(
        "log_partition_floor",
        ["log Z, at least", "log Z (floor)"],
        "nats",
        "The logarithm of the part of Z that the distinct training windows make: log Z is at least that, for certain.",
    ),
    Metric::of_model(
        "ais_effective_sample_size",
        ["effective sample size of AIS", "ESS (AIS)"],
        "chains",
        "(Σ w)² / Σ w² over the weights w of the chains. It tells how good the estimate is, not how good the model is.",
    )
    .better(Higher),
    Metric::of_model(
        "reverse_ais_effective_sample_size",
        ["effective sample size of reverse AIS", "ESS (reverse AIS)"],
        "chains",
        "(Σ w)² / Σ w² over the weights w of the chains. It tells how good the estimate is, not how good the model is.",
    )
    .better(Higher),
    // Music.
    Metric::of_music(
        "distance",
        ["music distance", "music distance"],
        "0 to 1",
        |music| music.samples_distance.score,
        "Mean of eight differences between samples and training data, each brought to 0–1: polyphony, silent rows, \
         note length, one-step notes, onset without attack, attack without onset, scale consistency, pitch-class \
         entropy. 0 is the training data's own music. A metric that the training data alone have, as beside silent \
         samples, counts 1.",
    )
    .better(Lower)
    .judged()
    .terminal("music dist.", 3)
    .listed(),
    Metric::of_music(
        "bernoulli_distance",
        ["music distance of independent bits", "of indep. bits"],
        "0 to 1",
        |music| music.bernoulli_distance.score,
        "The same distance for independent bits with the frequencies of the training data: the value of a model that \
         has learnt its biases and nothing else.",
    )
    .subject(Subject::Corpus)
    .terminal("(Bernoulli)", 3),
    Metric::of_profile(
        "hold_density",
        ["hold density", "hold density"],
        "",
        |profile| profile.hold_density,
        "Share of the cells of the hold plane that are on.",
    ),
    Metric::of_profile(
        "onset_density",
        ["onset density", "onset density"],
        "",
        |profile| profile.onset_density,
        "Share of the cells of the onset plane that are on.",
    ),
    Metric::of_profile(
        "polyphony",
        ["polyphony", "polyphony"],
        "pitches",
        |profile| profile.polyphony,
        "Mean number of sounding pitches over the steps at which any sounds.",
    ),
    Metric::of_profile(
        "silent_rows",
        ["silent steps", "silent steps"],
        "",
        |profile| profile.silent_rows,
        "Share of the time steps at which nothing sounds.",
    ),
    Metric::of_profile(
        "note_length",
        ["note length", "note length"],
        "steps",
        |profile| profile.note_length,
        "Mean length of a note, in time steps.",
    ),
    Metric::of_profile(
        "one_step_notes",
        ["one-step notes", "one-step notes"],
        "",
        |profile| profile.one_step_notes,
        "Share of the notes that last one step.",
    ),
    Metric::of_profile(
        "onset_without_attack",
        ["onsets without attack", "onsets without attack"],
        "",
        |profile| profile.onset_without_attack,
        "Share of the onsets at which nothing sounds: strokes that strike nothing. 0 in real music.",
    ),
    Metric::of_profile(
        "attack_without_onset",
        ["attacks without onset", "attacks without onset"],
        "",
        |profile| profile.attack_without_onset,
        "Share of the notes that nothing struck, those of the first step aside. 0 in real music.",
    ),
    Metric::of_profile(
        "scale_consistency",
        ["scale consistency", "scale consistency"],
        "",
        |profile| profile.scale_consistency,
        "Largest share of a window's notes within one major or natural minor scale, mean over windows.",
    ),
    Metric::of_profile(
        "pitch_class_entropy",
        ["pitch-class entropy", "pitch-class entropy"],
        "bits",
        |profile| profile.pitch_class_entropy,
        "Entropy of a window's notes over the twelve pitch classes, mean over windows; at most log₂ 12 = 3.58.",
    ),
    Metric::of_pieces(
        "bar_repetition",
        ["repetition after a bar", "repeats a bar"],
        "",
        |pieces| pieces.bar_repetition,
        "Share of the steps at which the same pitches sound as four beats before, those silent both times aside. Of \
         pieces of a model of sequences that have at least two bars, as the next six.",
    ),
    Metric::of_pieces(
        "four_bar_repetition",
        ["repetition after four bars", "repeats four bars"],
        "",
        |pieces| pieces.four_bar_repetition,
        "The same share sixteen beats apart; undefined for samples of no more.",
    ),
    Metric::of_pieces(
        "onsets_on_beats",
        ["notes on beats", "notes on beats"],
        "",
        |pieces| pieces.onsets_on_beats,
        "Share of the notes that begin on a beat, those of the first step aside; undefined if every step is a beat.",
    ),
    Metric::of_pieces(
        "struck_beats",
        ["struck beats", "struck beats"],
        "",
        |pieces| pieces.struck_beats,
        "Share of the beats at which a note begins, the first of a sample aside.",
    ),
    Metric::of_pieces(
        "key_stability",
        ["key kept over four bars", "key stability"],
        "",
        |pieces| pieces.key_stability,
        "Share of the sounding cells of four adjacent bars that lie in the major scale with most of them, all such groups of \
         all samples pooled; of all bars in a shorter sample. Natural minor scales have the same pitch classes.",
    ),
    Metric::of_pieces(
        "chord_changes",
        ["chord changes", "chord changes"],
        "a bar",
        |pieces| pieces.chord_changes,
        "How often in four beats the pitch classes sounding at a beat are others than at the beat before, silent beats \
         passed over.",
    ),
    Metric::of_pieces(
        "distinct_chords",
        ["distinct chords", "distinct chords"],
        "",
        |pieces| Some(pieces.distinct_chords),
        "Different sets of pitch classes that sound at the beats of a sample, mean over samples. Longer samples have more.",
    ),
    Metric::of_music(
        "nearest_training_window_bits",
        ["distance to the nearest training window", "nearest window"],
        "bits",
        |music| music.samples.nearest_training_window.map(|bits| bits.mean),
        "Mean over samples of the smallest Hamming distance to a training window. 0 is a copy; compare with the \
         distance of training windows to each other.",
    )
    .listed(),
    Metric::of_music(
        "copies",
        ["copies", "copies"],
        "",
        |music| music.memorisation.map(|memorisation| memorisation.copies),
        "Share of the samples that are a training window bit for bit. Music repeats itself: compare with \
         held_out_copies of the record. Noise has none.",
    )
    .better(Lower),
    Metric::of_music(
        "nearer_than_held_out",
        ["nearer than held-out windows", "nearer than held-out"],
        "",
        |music| music.memorisation.and_then(|memorisation| memorisation.nearer_than_held_out),
        "Chance that a sample is nearer to its nearest training window than a held-out window is to its own, ties \
         counted half. About 0.5 for music as new as real music, 1 for copies; undefined if no song is held out.",
    ),
    Metric::of_music(
        "diversity",
        ["diversity", "diversity"],
        "",
        |music| music.diversity.and_then(|diversity| diversity.ratio()),
        "Mean distance between samples over that between training windows. 1 for samples as various as the corpus, 0 if \
         all have the same harmony, above 1 for samples with less in common than music has, as independent bits.",
    )
    .better(Near)
    .outside_digests()
    .listed(),
    Metric::of_music(
        "pairwise_distance",
        ["distance between samples", "distance between"],
        "0 to 1",
        |music| music.diversity.and_then(|diversity| diversity.samples.pairwise_distance),
        "Mean over all pairs of samples of the Jaccard distance between the pairs of step and pitch class that sound: 0 for \
         the same harmony at every step, 1 for none in common. The first 500 samples count.",
    )
    .better(Near)
    .outside_digests(),
    Metric::of_music(
        "training_pairwise_distance",
        ["distance between training windows", "of training windows"],
        "0 to 1",
        |music| music.diversity.and_then(|diversity| diversity.training?.pairwise_distance),
        "The same mean for up to 500 training windows drawn at random.",
    )
    .subject(Subject::Corpus)
    .outside_digests(),
    Metric::of_music(
        "distinct_windows",
        ["distinct samples", "distinct"],
        "",
        |music| music.diversity.map(|diversity| diversity.samples.distinct_windows),
        "Different samples, bit for bit, as a share of the samples.",
    )
    .better(Near)
    .outside_digests(),
    Metric::of_music(
        "training_distinct_windows",
        ["distinct training windows", "of training windows"],
        "",
        |music| music.diversity.and_then(|diversity| Some(diversity.training?.distinct_windows)),
        "The same share of as many training windows, drawn at random.",
    )
    .subject(Subject::Corpus)
    .outside_digests(),
    Metric::of_music(
        "distinct_chord_sequences",
        ["distinct chord sequences", "chord sequences"],
        "",
        |music| music.diversity.map(|diversity| diversity.samples.distinct_chord_sequences),
        "Different sequences of chords as a share of the samples. A chord is the set of pitch classes that sound at a step; \
         silence and repetitions are left out.",
    )
    .better(Near)
    .outside_digests(),
    Metric::of_music(
        "training_distinct_chord_sequences",
        ["distinct chord sequences of training windows", "of training windows"],
        "",
        |music| music.diversity.and_then(|diversity| Some(diversity.training?.distinct_chord_sequences)),
        "The same share of as many training windows, drawn at random.",
    )
    .subject(Subject::Corpus)
    .outside_digests(),
    Metric::of_coverage(
        "recognised",
        ["recognised samples", "recognised"],
        |coverage| Some(coverage.recognised),
        "Share of the samples that sound and are like the built-in corpus: in harmony and texture no farther from its \
         windows than halfway from real windows to independent bits.",
    ),
    Metric::of_coverage(
        "keys_reached",
        ["keys reached", "keys"],
        |coverage| coverage.key.reached,
        "Share of the corpus' keys that some recognised sample has; undefined where the nearest window does not tell \
         the key.",
    ),
    Metric::of_coverage(
        "progressions_reached",
        ["progressions reached", "progressions"],
        |coverage| coverage.progression.reached,
        "Share of the corpus' chord progressions that some recognised sample has; undefined where the nearest window \
         does not tell the progression, as of a bar.",
    ),
    Metric::of_coverage(
        "textures_reached",
        ["textures reached", "textures"],
        |coverage| coverage.texture.reached,
        "Share of the corpus' textures that some recognised sample has; undefined where the nearest window does not \
         tell the texture.",
    ),
    Metric::of_profile(
        "notes",
        ["notes", "notes"],
        "",
        |profile| Some(profile.notes as f64),
        "Notes in all samples of the run.",
    )
    .better(Neither),
    Metric::of_profile("rolls", ["samples", "samples"], "", |profile| Some(profile.rolls as f64), "Samples measured.")
        .better(Neither)
        .subject(Subject::Configuration),
    Metric::of_profile(
        "steps",
        ["steps of the samples", "steps"],
        "",
        |profile| Some(profile.steps as f64),
        "Time steps in all samples of the run.",
    )
    .better(Neither)
    .subject(Subject::Configuration),
    // Times.
    Metric::of_time(
        "total_s",
        ["total time", "total"],
        "s",
        |timing| Some(timing.total_s),
        "Wall-clock time of the whole run; of an interrupted one the times at work, without what was lost by a kill.",
    )
    .judged()
    .reach(Reach::Csv),
    Metric::of_time(
        "corpus_s",
        ["corpus", "corpus"],
        "s",
        |timing| Some(timing.corpus_s),
        "Splitting the songs and cutting windows. Files are read once a sweep, which is not counted.",
    ),
    Metric::of_time(
        "train_s",
        ["training time", "training"],
        "s",
        |timing| Some(timing.train_s),
        "Updates alone: no evaluation, sampling or writing.",
    )
    .judged()
    .reach(Reach::Csv)
    .terminal("train s", 2)
    .listed(),
    Metric::of_time(
        "evaluate_s",
        ["evaluating", "evaluating"],
        "s",
        |timing| Some(timing.evaluate_s),
        "The metrics of all epochs.",
    )
    .judged(),
    Metric::of_time(
        "likelihood_s",
        ["log-likelihood", "log-lik."],
        "s",
        |timing| Some(timing.likelihood_s),
        "The log-likelihood after the last epoch.",
    )
    .judged(),
    Metric::of_time(
        "sample_s",
        ["sampling", "sampling"],
        "s",
        |timing| Some(timing.sample_s),
        "Drawing, writing and judging samples.",
    )
    .judged(),
    Metric::of_time(
        "epoch_s",
        ["time of an epoch", "epoch"],
        "s",
        |timing| Some(timing.epoch_s.median),
        "Median training time of an epoch.",
    )
    .reach(Reach::Summary),
    Metric::of_time(
        "updates_per_s",
        ["updates per second", "updates / s"],
        "1/s",
        |timing| Some(timing.updates_per_s),
        "Parameter updates in a second of training.",
    )
    .better(Higher)
    .reach(Reach::Csv),
    Metric::of_time(
        "examples_per_s",
        ["windows per second", "windows / s"],
        "1/s",
        |timing| Some(timing.examples_per_s),
        "Training windows in a second of training.",
    )
    .better(Higher)
    .reach(Reach::Csv)
    .listed(),
    Metric::of_time(
        "connection_updates_per_s",
        ["connections per second", "connections / s"],
        "1/s",
        |timing| Some(timing.connection_updates_per_s),
        "Visible × hidden units × examples in a second of training.",
    )
    .better(Higher),
    Metric::of_time(
        "cpu_s",
        ["processor time", "processor"],
        "s",
        |timing| timing.cpu_s,
        "Processor time of the run's threads; undefined where the system does not tell.",
    )
    .reach(Reach::Record),
    Metric::of_time(
        "expected_bytes",
        ["expected memory", "expected memory"],
        "bytes",
        |timing| Some(timing.expected_bytes as f64),
        "Memory that the run was expected to take.",
    )
    .better(Neither)
    .subject(Subject::Configuration)
    .reach(Reach::Record),
    Metric::of_time(
        "peak_bytes",
        ["peak memory", "peak memory"],
        "bytes",
        |timing| timing.peak_bytes.map(|bytes| bytes as f64),
        "Most memory that the process had taken by the end of the run, all its runs together; undefined where the \
         system does not tell.",
    )
    .reach(Reach::Record),
    Metric::of_epoch("reconstruction_s", ["reconstruction error", "recon."], "The reconstruction errors of an epoch."),
    Metric::of_epoch(
        "pseudo_likelihood_s",
        ["pseudo-log-likelihood", "PLL"],
        "The pseudo-log-likelihoods of an epoch.",
    ),
    Metric::of_epoch("free_energy_s", ["free energies", "free energies"], "The free energies of an epoch."),
    Metric::of_epoch(
        "weights_s",
        ["weights", "weights"],
        "The change of the weights in an epoch, and the check that they are finite.",
    ),
];

/// Returns the metric that a name of a record, of `summary.csv` or of a report stands for.
pub fn find_metric(name: &str) -> Option<NamedMetric> {
    METRICS.iter().find_map(|metric| metric.explain(name))
}

/// Returns every name of every metric, in the order of the registry.
pub fn metric_names() -> impl Iterator<Item = NamedMetric> {
    METRICS.iter().flat_map(Metric::names)
}

/// Returns the place of a name in the order of the registry; names that are not registered come last.
pub fn metric_order(name: &str) -> usize {
    let place = metric_names().position(|own| own.name() == name);
    place.unwrap_or(usize::MAX)
}

/// Returns the times that reach a place, in the order of the registry.
pub(crate) fn times_of(reach: Reach) -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().filter(move |metric| matches!(metric.reading, Reading::Time(_)) && metric.reach >= reach)
}

/// Returns the names that points can be ordered by; the first that every point has is used. On validation windows
/// first, then on training windows, never on test windows, by which nothing may be chosen.
pub(super) fn ranking() -> impl Iterator<Item = NamedMetric> {
    [SplitName::Validation, SplitName::Train].into_iter().flat_map(|split| {
        let ranked = METRICS.iter().filter(|metric| metric.ranks);
        ranked.map(move |metric| NamedMetric { metric, split: Some(split), variant: metric.main_variant() })
    })
}

/// A column of the table that ends a sweep.
#[derive(Clone, Copy, Debug)]
pub struct TerminalColumn {
    /// The metric.
    pub named: NamedMetric,
    /// The number of digits after the point.
    pub digits: usize,
}

impl TerminalColumn {
    /// Returns the heading.
    pub fn heading(&self) -> String {
        self.named.metric.terminal.map_or_else(|| self.named.short(), |terminal| self.named.heading(&terminal))
    }
}

/// Returns the columns of the table that ends a sweep, in order.
pub fn terminal_columns() -> Vec<TerminalColumn> {
    let columns_of = |metric: &'static Metric| {
        let terminal = metric.terminal?;
        let shown = move |named: &NamedMetric| {
            named.variant == metric.main_variant() && named.split.is_none_or(|split| terminal.splits.contains(&split))
        };
        let column = move |named| TerminalColumn { named, digits: terminal.digits };
        Some(metric.names().filter(shown).map(column))
    };
    METRICS.iter().filter_map(columns_of).flatten().collect()
}

/// Returns the reference of all metrics as Markdown tables, one for each group.
pub fn metrics_markdown() -> String {
    let mut text = String::new();
    for (group, title) in [
        (MetricGroup::Model, "Model"),
        (MetricGroup::Music, "Music of the samples"),
        (MetricGroup::Timing, "Times, rates and sizes"),
    ] {
        let before = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{before}### {title}\n\n| name | unit | better | meaning |\n|---|---|---|---|\n");
        for metric in METRICS.iter().filter(|metric| metric.group() == group) {
            let _ = writeln!(text, "{}", row(metric));
        }
    }
    text
}

/// Returns the row of a metric in the reference.
fn row(metric: &'static Metric) -> String {
    let prefix = match metric.reading {
        Reading::Splits(_) => "SPLIT_",
        _ => metric.prefix(None),
    };
    let mut names = format!("`{prefix}{}`", metric.name);
    for named in metric.names().filter(|named| named.variant != Variant::Plain) {
        let suffix = format!(", `…{}`", named.variant.suffix());
        if !names.contains(&suffix) {
            names += &suffix;
        }
    }
    let plain = NamedMetric { metric, split: None, variant: Variant::Plain };
    let better = match metric.better {
        Higher => "higher",
        Lower => "lower",
        Near => "as in training",
        Neither => "",
    };
    let judged = if metric.judged { ", judged" } else { "" };
    format!("| {names} | {} | {better}{judged} | {} |", plain.unit(), metric.definition.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::likelihood::METHODS;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_stands_for_one_metric() {
        let mut seen = BTreeSet::new();
        for (place, named) in metric_names().enumerate() {
            let name = named.name();
            assert!(seen.insert(name.clone()), "{name} is registered twice");
            let found = find_metric(&name).unwrap_or_else(|| panic!("{name} is not found"));
            assert_eq!(
                (found.metric.name, found.variant, found.split),
                (named.metric.name, named.variant, named.split)
            );
            assert_eq!(metric_order(&name), place);
        }
        for name in ["polyphony", "train_polyphony", "test_free_energy", "free_energy_gap_per_step", "train_", ""] {
            assert!(find_metric(name).is_none(), "{name}");
        }
    }

    #[test]
    fn entries_are_whole_and_in_groups() {
        for metric in METRICS {
            let name = metric.name;
            assert!(metric.definition.ends_with('.') && metric.definition.len() > 10, "{name}");
            assert!(!metric.label.is_empty() && !metric.short.is_empty(), "{name}");
            assert!(!metric.judged || metric.better.worse().is_some(), "{name} is judged by no direction");
            assert!(!metric.judged || metric.subject == Subject::Run, "{name} is judged and is not a result");
            assert!(!metric.ranks || metric.judged && metric.better == Higher, "{name} ranks points");
        }
        assert!(METRICS.is_sorted_by_key(Metric::group));
    }

    #[test]
    fn names_are_described_with_their_split_and_form() {
        let named = |name: &str| find_metric(name).unwrap_or_else(|| panic!("{name}"));
        let error = named("validation_reconstruction_error");
        assert_eq!(error.label(), "validation reconstruction error");
        assert!(error.definition().starts_with("On held-out windows. Mean of (v − v′)²"));
        let likelihood = named("test_log_likelihood_reverse_ais_per_step");
        assert_eq!(
            (likelihood.short(), likelihood.unit()),
            ("test log-lik. (reverse) / step".into(), "nats per time step".into())
        );
        let end = named("log_partition_anchored_ais_high");
        assert_eq!(end.label(), "log Z by the training windows' share (AIS), upper end");
        assert!(end.definition().starts_with("Upper end of the band"));
        assert_eq!((named("train_s").unit(), named("train_s").label()), ("s".into(), "training time".into()));
    }

    /// The direction of each metric that report and comparison once disagreed on, and of some others.
    #[test]
    fn each_metric_has_one_direction() {
        for (name, better, judged) in [
            ("validation_pseudo_log_likelihood", Higher, true),
            ("train_pseudo_log_likelihood_per_step", Higher, true),
            ("test_log_likelihood_reverse_ais", Higher, true),
            ("test_log_likelihood_ceiling_per_step", Neither, false),
            ("log_partition_exact", Neither, false),
            ("validation_reconstruction_error", Neither, false),
            ("validation_free_energy", Neither, false),
            ("free_energy_gap", Lower, false),
            ("ais_effective_sample_size", Higher, false),
            ("reverse_ais_effective_sample_size", Higher, false),
            ("exchange_acceptance", Neither, false),
            ("least_exchange_acceptance", Neither, false),
            ("sample_distance", Lower, true),
            ("sample_polyphony", Near, false),
            ("sample_copies", Lower, false),
            ("sample_recognised", Higher, false),
            ("train_s", Lower, true),
            ("epoch_s", Lower, false),
        ] {
            let metric = find_metric(name).unwrap_or_else(|| panic!("{name}")).metric;
            assert_eq!((metric.better, metric.judged), (better, judged), "{name}");
        }
    }

    #[test]
    fn points_are_ordered_by_what_is_held_out_before_what_is_trained_on() {
        let names: Vec<String> = ranking().map(|named| named.name()).collect();
        let expected = ["validation", "train"].map(|split| {
            ["log_likelihood_exact", "log_likelihood_cautious", "pseudo_log_likelihood"]
                .map(|name| format!("{split}_{name}_per_step"))
        });
        assert_eq!(names, expected.concat());
    }

    #[test]
    fn the_table_of_a_sweep_has_its_columns() {
        let headings: Vec<String> = terminal_columns().iter().map(TerminalColumn::heading).collect();
        let expected = [
            "val LL/step",
            "val cautious LL/step",
            "val AIS/step",
            "val rev. AIS/step",
            "val PLL/step",
            "train PLL/step",
            "val recon",
            "train recon",
            "music dist.",
            "(Bernoulli)",
            "train s",
        ];
        assert_eq!(headings, expected);
    }

    #[test]
    fn every_way_to_a_likelihood_is_registered() {
        for method in METHODS {
            assert!(find_metric(&format!("validation_log_likelihood_{method}_per_step")).is_some(), "{method}");
        }
    }

    #[test]
    fn the_reference_has_a_row_for_every_metric() {
        let reference = metrics_markdown();
        for metric in METRICS {
            let rows: Vec<&str> = reference.lines().filter(|line| line.starts_with(&row(metric))).collect();
            assert_eq!(rows.len(), 1, "{}", metric.name);
        }
        let rows = reference.lines().filter(|line| line.starts_with("| `"));
        for row in rows {
            assert_eq!(row.replace("\\|", "").matches('|').count(), 5, "{row}");
        }
        assert!(
            reference
                .contains("| `SPLIT_log_likelihood_exact`, `…_per_step` | nats per window | higher, judged | Mean of")
        );
        assert!(reference.contains("| `sample_polyphony` | pitches | as in training | Mean number"));
        assert!(reference.contains("| `log_partition_ais`, `…_low`, `…_high` | nats |  | The logarithm"));
    }
}
