//! The metric: a number of records, with all that a reader of results needs to know about it.

use super::record::{RunRecord, Timing};
use crate::evaluate::music::{Coverage, MusicComparison, MusicMetrics, PieceMetrics};
use serde::Serialize;

/// An entry of the registry: one metric, in all its variants.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name without the prefix of a split or of samples, and without the suffix of a variant.
    pub name: &'static str,
    /// The place of the values in a record.
    pub reading: Reading,
    /// The forms of the names; tables show the first.
    pub variants: &'static [Variant],
    /// A few words for headings.
    pub label: &'static str,
    /// The fewest words, for a narrow column.
    pub short: &'static str,
    /// The unit without the thing that it is counted per; empty for a share or another plain number.
    pub unit: &'static str,
    /// The thing that the plain variant is counted per.
    pub per: Per,
    /// The better direction.
    pub better: Direction,
    /// `true` if `runner compare` gives verdicts on it.
    pub judged: bool,
    /// The thing that it depends on.
    pub subject: Subject,
    /// The outermost place that a time is shown in.
    pub reach: Reach,
    /// `true` if the digest of a summary covers it; `false` for one that earlier versions did not measure.
    pub digested: bool,
    /// `true` if points can be ordered by it.
    pub ranks: bool,
    /// The column in the table that ends a sweep.
    pub terminal: Option<Terminal>,
    /// The splits by which the report's list of runs shows it unasked; for a metric without splits, one or none.
    pub listed: &'static [SplitName],
    /// The definition in whole sentences.
    pub definition: &'static str,
}

/// The place of a metric in a record.
#[derive(Clone, Copy, Debug)]
pub enum Reading {
    /// In the metrics of the model, once.
    Model,
    /// In the metrics of the model, once for each of these splits: `train_…`.
    Splits(&'static [SplitName]),
    /// In the profile of the samples: `sample_…`. The baselines have it too.
    Profile(fn(&MusicMetrics) -> Option<f64>),
    /// In the profile of the samples, if these are whole pieces: `sample_…`. The baselines have it too.
    Pieces(fn(&PieceMetrics) -> Option<f64>),
    /// In the music of the run: `sample_…`.
    Music(fn(&MusicComparison) -> Option<f64>),
    /// In the coverage of the samples: `sample_…`; absent where the truth of the corpus is not known.
    Coverage(fn(&Coverage) -> Option<f64>),
    /// In the times of the run.
    Time(fn(&Timing) -> Option<f64>),
    /// In the times of an epoch alone.
    EpochTime,
}

/// A part of the corpus, as names of metrics begin with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SplitName {
    /// `validation_`: windows of songs held out.
    Validation,
    /// `train_`: windows trained on.
    Train,
    /// `test_`: windows of the data set's own test songs.
    Test,
}

/// A form of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variant {
    /// `…_per_step`: the value divided by the time steps of a window.
    PerStep,
    /// Without a suffix.
    Plain,
    /// `…_low`: the lower end of the band of three standard errors.
    Low,
    /// `…_high`: the upper end of that band.
    High,
}

/// The thing that a metric is counted per.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// A window.
    Window,
    /// A time step.
    Step,
    /// The run, its model or its samples as a whole.
    Run,
}

/// The better direction of a metric, all else being equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// The value of the training data is best.
    Near,
    /// No direction is better by itself.
    Neither,
}

/// The thing that a metric depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The run.
    Run,
    /// The configuration alone: it is not a result.
    Configuration,
    /// Corpus and seed alone: it is a value to compare with.
    Corpus,
}

/// The outermost place that a time is shown in; each place shows those of the next as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// The record alone.
    Record,
    /// The report.
    Report,
    /// `summary.json`.
    Summary,
    /// `summary.csv`.
    Csv,
}

/// A column of the table that ends a sweep.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// The heading, without the split.
    pub heading: &'static str,
    /// The number of digits after the point.
    pub digits: usize,
    /// The splits shown, if the metric has splits.
    pub splits: &'static [SplitName],
}

/// A kind of metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricGroup {
    /// Metrics of the model.
    Model,
    /// Metrics of the music of the samples.
    Music,
    /// Times, rates and sizes.
    Timing,
}

/// A name of a record with its metric.
#[derive(Clone, Copy, Debug)]
pub struct NamedMetric {
    /// The metric.
    pub metric: &'static Metric,
    /// The split, if the metric has splits.
    pub split: Option<SplitName>,
    /// The form.
    pub variant: Variant,
}

/// The splits that are evaluated during training.
const EVALUATED: &[SplitName] = &[SplitName::Validation, SplitName::Train];
/// All splits.
const ALL: &[SplitName] = &[SplitName::Validation, SplitName::Train, SplitName::Test];
/// The split that results are read by.
const HELD_OUT: &[SplitName] = &[SplitName::Validation];

impl Metric {
    const fn new(
        reading: Reading,
        name: &'static str,
        [label, short]: [&'static str; 2],
        unit: &'static str,
        definition: &'static str,
    ) -> Self {
        Self {
            name,
            reading,
            variants: &[Variant::Plain],
            label,
            short,
            unit,
            per: Per::Run,
            better: Direction::Neither,
            judged: false,
            subject: Subject::Run,
            reach: Reach::Csv,
            digested: true,
            ranks: false,
            terminal: None,
            listed: &[],
            definition,
        }
    }

    /// Returns a metric of the model.
    pub(super) const fn of_model(
        name: &'static str,
        labels: [&'static str; 2],
        unit: &'static str,
        definition: &'static str,
    ) -> Self {
        Self::new(Reading::Model, name, labels, unit, definition)
    }

    /// Returns a metric of the model on training and validation windows.
    pub(super) const fn of_splits(
        name: &'static str,
        labels: [&'static str; 2],
        unit: &'static str,
        definition: &'static str,
    ) -> Self {
        Self::new(Reading::Splits(EVALUATED), name, labels, unit, definition)
    }

    /// Returns a metric of the windows of all splits.
    pub(super) const fn of_all_splits(
        name: &'static str,
        labels: [&'static str; 2],
        unit: &'static str,
        definition: &'static str,
    ) -> Self {
        Self::new(Reading::Splits(ALL), name, labels, unit, definition)
    }

    /// Returns a log-likelihood, in nats per window and per step, on all splits.
    pub(super) const fn log_likelihood(
        name: &'static str,
        labels: [&'static str; 2],
        definition: &'static str,
    ) -> Self {
        Self::new(Reading::Splits(ALL), name, labels, "nats", definition)
            .per_window()
            .and_per_step()
            .better(Direction::Higher)
            .judged()
    }

    /// Returns a metric of the samples and of the baselines. The value of the training windows is best.
    pub(super) const fn of_profile(
        name: &'static str,
        labels: [&'static str; 2],
        unit: &'static str,
        read: fn(&MusicMetrics) -> Option<f64>,
        definition: &'static str,
    ) -> Self {
        Self::new(Reading::Profile(read), name, labels, unit, definition).better(Direction::Near)
    }

    /// Returns a metric of samples of at least two bars and of the baselines. The value of the training windows is best.
    pub(super) const fn of_pieces(
        name: &'static str,
        labels: [&'static str; 2],
        unit: &'static str,
        read: fn(&PieceMetrics) -> Option<f64>,
        definition: &'static str,
    ) -> Self {
        Self::new(Reading::Pieces(read), name, labels, unit, definition).better(Direction::Near)
    }

    /// Returns a metric of the samples.
    pub(super) const fn of_music(
        name: &'static str,
        labels: [&'static str; 2],
        unit: &'static str,
        read: fn(&MusicComparison) -> Option<f64>,
        definition: &'static str,
    ) -> Self {
        Self::new(Reading::Music(read), name, labels, unit, definition)
    }

    /// Returns a share of the built-in corpus that the samples reach.
    pub(super) const fn of_coverage(
        name: &'static str,
        labels: [&'static str; 2],
        read: fn(&Coverage) -> Option<f64>,
        definition: &'static str,
    ) -> Self {
        Self::new(Reading::Coverage(read), name, labels, "", definition).better(Direction::Higher)
    }

    /// Returns a time or a rate of a run, shown in the report.
    pub(super) const fn of_time(
        name: &'static str,
        labels: [&'static str; 2],
        unit: &'static str,
        read: fn(&Timing) -> Option<f64>,
        definition: &'static str,
    ) -> Self {
        Self::new(Reading::Time(read), name, labels, unit, definition).better(Direction::Lower).reach(Reach::Report)
    }

    /// Returns a time of an epoch alone, in seconds.
    pub(super) const fn of_epoch(name: &'static str, labels: [&'static str; 2], definition: &'static str) -> Self {
        Self::new(Reading::EpochTime, name, labels, "s", definition).better(Direction::Lower).reach(Reach::Record)
    }

    pub(super) const fn per_window(self) -> Self {
        Self { per: Per::Window, ..self }
    }

    pub(super) const fn and_per_step(self) -> Self {
        Self { variants: &[Variant::PerStep, Variant::Plain], ..self }
    }

    pub(super) const fn with_band(self) -> Self {
        Self { variants: &[Variant::Plain, Variant::Low, Variant::High], ..self }
    }

    pub(super) const fn better(self, better: Direction) -> Self {
        Self { better, ..self }
    }

    pub(super) const fn judged(self) -> Self {
        Self { judged: true, ..self }
    }

    pub(super) const fn not_judged(self) -> Self {
        Self { judged: false, ..self }
    }

    pub(super) const fn subject(self, subject: Subject) -> Self {
        Self { subject, ..self }
    }

    /// Leaves the metric out of digests, which then remain those of versions that did not measure it. It must follow from
    /// what digests cover.
    pub(super) const fn outside_digests(self) -> Self {
        Self { digested: false, ..self }
    }

    pub(super) const fn reach(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    pub(super) const fn ranks(self) -> Self {
        Self { ranks: true, ..self }
    }

    /// Shows the metric in the table that ends a sweep, on validation windows if it has splits.
    pub(super) const fn terminal(self, heading: &'static str, digits: usize) -> Self {
        Self { terminal: Some(Terminal { heading, digits, splits: HELD_OUT }), ..self }
    }

    /// Shows the metric in that table on training windows too.
    pub(super) const fn terminal_of_both(self, heading: &'static str, digits: usize) -> Self {
        Self { terminal: Some(Terminal { heading, digits, splits: EVALUATED }), ..self }
    }

    /// Shows the metric in the report's list of runs, on validation windows if it has splits.
    pub(super) const fn listed(self) -> Self {
        Self { listed: HELD_OUT, ..self }
    }

    /// Shows the metric in that list on training windows too.
    pub(super) const fn listed_of_both(self) -> Self {
        Self { listed: EVALUATED, ..self }
    }

    /// Returns the kind of metric.
    pub fn group(&self) -> MetricGroup {
        match self.reading {
            Reading::Model | Reading::Splits(_) => MetricGroup::Model,
            Reading::Profile(_) | Reading::Pieces(_) | Reading::Music(_) | Reading::Coverage(_) => MetricGroup::Music,
            Reading::Time(_) | Reading::EpochTime => MetricGroup::Timing,
        }
    }

    /// Returns the name of a metric without splits, as in `summary.csv`.
    pub fn plain_name(&self) -> String {
        format!("{}{}", self.prefix(None), self.name)
    }

    /// Returns the value in the music of a run; `None` for a metric that the music does not have.
    pub(crate) fn of_run_music(&self, music: &MusicComparison) -> Option<MusicValue> {
        let value = match self.reading {
            Reading::Profile(read) => read(&music.samples.metrics),
            Reading::Pieces(read) => read(music.samples.metrics.pieces.as_ref()?),
            Reading::Music(read) => read(music),
            Reading::Coverage(read) => read(music.coverage.as_ref()?),
            Reading::Model | Reading::Splits(_) | Reading::Time(_) | Reading::EpochTime => return None,
        };
        Some(MusicValue(value))
    }

    /// Returns the value in a profile, of samples or of a baseline; `None` for a metric that a profile does not have.
    pub(crate) fn of_profile_value(&self, profile: &MusicMetrics) -> Option<f64> {
        match self.reading {
            Reading::Profile(read) => read(profile),
            Reading::Pieces(read) => read(profile.pieces.as_ref()?),
            _ => None,
        }
    }

    /// Returns the value in the times of a run.
    pub(crate) fn of_run_times(&self, timing: &Timing) -> Option<f64> {
        if let Reading::Time(read) = self.reading { read(timing) } else { None }
    }

    /// Returns the splits of the names; one `None` for a metric without splits.
    fn splits(&self) -> Vec<Option<SplitName>> {
        match self.reading {
            Reading::Splits(splits) => splits.iter().copied().map(Some).collect(),
            _ => vec![None],
        }
    }

    /// Returns all names of the metric, variant by variant, and in each split by split.
    pub fn names(&'static self) -> impl Iterator<Item = NamedMetric> {
        self.variants.iter().flat_map(move |&variant| {
            self.splits().into_iter().map(move |split| NamedMetric { metric: self, split, variant })
        })
    }

    /// Returns the form that tables show: per step if there is one, since windows of different lengths have different
    /// numbers of units.
    pub(super) fn main_variant(&self) -> Variant {
        self.variants[0]
    }

    /// Returns the split and form of a name that belongs to this entry; `None` for any other name.
    pub(super) fn explain(&'static self, name: &str) -> Option<NamedMetric> {
        let own = name.strip_prefix(self.prefix(None))?;
        self.splits().into_iter().find_map(|split| {
            let own = own.strip_prefix(split.map_or("", SplitName::prefix))?.strip_prefix(self.name)?;
            let variant = self.variants.iter().copied().find(|variant| variant.suffix() == own)?;
            Some(NamedMetric { metric: self, split, variant })
        })
    }

    /// Returns the beginning of the names.
    pub(super) fn prefix(&self, split: Option<SplitName>) -> &'static str {
        match self.group() {
            MetricGroup::Music => "sample_",
            MetricGroup::Model | MetricGroup::Timing => split.map_or("", SplitName::prefix),
        }
    }
}

/// The value of a metric of music; `None` if it is undefined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MusicValue(pub(crate) Option<f64>);

impl Direction {
    /// Returns the factor that makes a change for the worse positive; `None` if no direction is worse.
    pub fn worse(self) -> Option<f64> {
        match self {
            Self::Lower => Some(1.0),
            Self::Higher => Some(-1.0),
            Self::Near | Self::Neither => None,
        }
    }
}

impl SplitName {
    /// Returns the beginning of the names of metrics on this split.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Validation => "validation_",
            Self::Train => "train_",
            Self::Test => "test_",
        }
    }

    /// Returns the word for headings: in full, short, and shortest.
    fn words(self) -> [&'static str; 3] {
        match self {
            Self::Validation => ["validation", "val.", "val"],
            Self::Train => ["train"; 3],
            Self::Test => ["test"; 3],
        }
    }

    fn windows(self) -> &'static str {
        match self {
            Self::Validation => "held-out windows",
            Self::Train => "the windows trained on",
            Self::Test => "the data set's test windows",
        }
    }
}

impl Variant {
    /// Returns the end of the name.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::PerStep => "_per_step",
            Self::Low => "_low",
            Self::High => "_high",
        }
    }
}

impl NamedMetric {
    /// Returns the name, as in `summary.csv`.
    pub fn name(&self) -> String {
        format!("{}{}{}", self.metric.prefix(self.split), self.metric.name, self.variant.suffix())
    }

    /// Returns the value in a record, for metrics of the model and of samples; `None` if it is undefined or not there.
    pub(crate) fn of_record(&self, record: &RunRecord) -> Option<f64> {
        match self.metric.group() {
            MetricGroup::Model => record.metrics.get(&self.name()).copied().flatten(),
            MetricGroup::Music => self.metric.of_run_music(record.music.as_ref()?).and_then(|MusicValue(value)| value),
            MetricGroup::Timing => None,
        }
    }

    /// Returns a few words for headings.
    pub fn label(&self) -> String {
        let end = match self.variant {
            Variant::Plain => "",
            Variant::PerStep => " per step",
            Variant::Low => ", lower end",
            Variant::High => ", upper end",
        };
        format!("{}{}{end}", self.split_word(0), self.metric.label)
    }

    /// Returns the fewest words, for a narrow column.
    pub fn short(&self) -> String {
        let end = match self.variant {
            Variant::Plain => "",
            Variant::PerStep => " / step",
            Variant::Low => " low",
            Variant::High => " high",
        };
        format!("{}{}{end}", self.split_word(1), self.metric.short)
    }

    /// Returns the heading in the table that ends a sweep.
    pub(super) fn heading(&self, terminal: &Terminal) -> String {
        format!("{}{}", self.split_word(2), terminal.heading)
    }

    fn split_word(&self, length: usize) -> String {
        self.split.map_or_else(String::new, |split| format!("{} ", split.words()[length]))
    }

    /// Returns the thing that the value is counted per.
    pub fn per(&self) -> Per {
        if self.variant == Variant::PerStep { Per::Step } else { self.metric.per }
    }

    /// Returns the unit, with the thing that the value is counted per; empty for a share or another plain number.
    pub fn unit(&self) -> String {
        let per = match self.per() {
            Per::Window => " per window",
            Per::Step => " per time step",
            Per::Run => "",
        };
        format!("{}{per}", self.metric.unit)
    }

    /// Returns the definition, with the split and the form of this name.
    pub fn definition(&self) -> String {
        let per_step = "divided by the time steps of a window, so that windows of different lengths compare";
        let before = match (self.split, self.variant) {
            (None, Variant::Plain) => String::new(),
            (Some(split), Variant::Plain) => format!("On {}. ", split.windows()),
            (Some(split), Variant::PerStep) => format!("On {}, {per_step}. ", split.windows()),
            (None, Variant::PerStep) => "Divided by the time steps of a window. ".to_owned(),
            (_, Variant::Low) => "Lower end of the band of three standard errors. ".to_owned(),
            (_, Variant::High) => "Upper end of the band of three standard errors. ".to_owned(),
        };
        format!("{before}{}", self.metric.definition)
    }

    /// Returns true if the report's list of runs shows this name unasked.
    pub fn is_listed(&self) -> bool {
        let split = self.split.unwrap_or(SplitName::Validation);
        self.variant == self.metric.main_variant() && self.metric.listed.contains(&split)
    }
}
