//! The events of a run for TensorBoard.

use super::event_file::{EventFile, Message};
use crate::inspect::TIMES;
use crate::sweep::{EpochRecord, MetricGroup, PlannedRun, RunRecord, RunStatus, find_metric, music_of};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The name of the file in the folder of a run. TensorBoard reads files with `tfevents` in their names.
pub(crate) const EVENT_FILE: &str = "events.out.tfevents.chordbench";

/// A run that becomes an event file.
pub(crate) struct RunEvents<'a> {
    /// The run.
    pub(crate) run: &'a PlannedRun,
    /// The name that the replicates of its point share.
    pub(crate) group: &'a str,
    /// The record, if the run has ended.
    pub(crate) record: Option<&'a RunRecord>,
    /// The epochs trained.
    pub(crate) epochs: &'a [EpochRecord],
}

/// The events of a run, one by one.
struct Events {
    file: EventFile,
    /// The tags that have their description.
    described: HashSet<String>,
}

impl RunEvents<'_> {
    /// Returns the event file: the swept values, every metric and every time by epoch, then the metrics that the record
    /// alone has. The same results give the same bytes: the wall time of an event is the number of seconds, from 1970
    /// on, that the run had trained and evaluated by then.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut events = Events { file: EventFile::new(), described: HashSet::new() };
        events.file.add(0.0, 0, &hyperparameters("_hparams_/session_start_info", 3, &self.start()));
        let mut seconds = 0.0;
        for epoch in self.epochs {
            seconds += epoch.timing.train_s + epoch.timing.evaluate_s();
            for (name, value) in &epoch.metrics {
                events.add(seconds, epoch.epoch, name, *value);
            }
            for (name, time) in TIMES {
                events.add(seconds, epoch.epoch, name, Some(time(&epoch.timing)));
            }
        }
        if let Some(record) = self.record {
            let step = self.step_of_record(record);
            for (name, value) in self.metrics_of_record(record) {
                events.add(seconds, step, &name, value);
            }
            let status = if record.status == RunStatus::Ok { 1 } else { 2 };
            let end = Message::default().varint(1, status).double(2, seconds);
            events.file.add(seconds, step, &hyperparameters("_hparams_/session_end_info", 4, &end));
        }
        events.file.into_bytes()
    }

    /// Returns the message that begins a session: the swept values and the group.
    fn start(&self) -> Message {
        let mut start = Message::default();
        for (key, value) in &self.run.swept {
            let value = match value {
                Value::Number(number) => Message::default().double(2, number.as_f64().unwrap_or(f64::NAN)),
                Value::Bool(flag) => Message::default().varint(4, (*flag).into()),
                Value::String(text) => Message::default().text(3, text),
                other => Message::default().text(3, &other.to_string()),
            };
            start = start.message(1, &Message::default().text(1, key).message(2, &value));
        }
        start.text(4, self.group).double(5, 0.0)
    }

    /// Returns the metrics that the record has and no epoch: likelihoods after training, and the music of the samples.
    fn metrics_of_record(&self, record: &RunRecord) -> BTreeMap<String, Option<f64>> {
        let of_epochs: BTreeSet<&String> = self.epochs.iter().flat_map(|epoch| epoch.metrics.keys()).collect();
        let model = record.metrics.iter().filter(|(name, _)| !of_epochs.contains(name));
        let model = model.map(|(name, value)| (name.clone(), *value));
        let music = music_of(record).into_iter().map(|(name, value)| (format!("sample_{name}"), value));
        model.chain(music).collect()
    }

    /// Returns the epoch whose model the record describes: the best if early stopping restored it, else the last.
    fn step_of_record(&self, record: &RunRecord) -> u64 {
        let best = record.early_stop.filter(|stop| stop.restored).and_then(|stop| stop.best_epoch);
        best.or(self.epochs.last().map(|epoch| epoch.epoch)).unwrap_or(0)
    }
}

impl Events {
    /// Adds a metric; none if it is undefined. The first of a tag has the definition, which TensorBoard shows beside it.
    fn add(&mut self, seconds: f64, step: u64, name: &str, value: Option<f64>) {
        let Some(value) = value else { return };
        let tag = tag(name);
        let mut message = Message::default().text(1, &tag).float(2, value as f32);
        if let Some(named) = find_metric(name)
            && self.described.insert(tag)
        {
            let plugin = Message::default().text(1, "scalars");
            message = message.message(9, &Message::default().message(1, &plugin).text(3, named.metric.definition));
        }
        self.file.add(seconds, step, &message);
    }
}

/// Returns the tag of a metric. TensorBoard groups tags by the part before the slash: a split, `model`, `samples` or
/// `timing`.
fn tag(name: &str) -> String {
    let named = find_metric(name);
    let (group, prefix) = match named.map(|named| (named.metric.group(), named.split)) {
        Some((MetricGroup::Model, Some(split))) => (split.prefix().trim_end_matches('_'), split.prefix()),
        Some((MetricGroup::Model, None)) | None => ("model", ""),
        Some((MetricGroup::Music, _)) => ("samples", "sample_"),
        Some((MetricGroup::Timing, _)) => ("timing", ""),
    };
    format!("{group}/{}", name.strip_prefix(prefix).unwrap_or(name))
}

/// Returns the value of a summary that carries a message to TensorBoard's plugin for hyperparameters, as its field
/// `field`. The tensor of no elements is the one that TensorBoard itself writes there.
fn hyperparameters(tag: &str, field: u64, message: &Message) -> Message {
    let content = Message::default().message(field, message);
    let plugin = Message::default().text(1, "hparams").message(2, &content);
    let no_elements = Message::default().message(2, &Message::default());
    let tensor = Message::default().varint(1, 1).message(2, &no_elements);
    Message::default().text(1, tag).message(8, &tensor).message(9, &Message::default().message(1, &plugin))
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn tags_are_grouped() {
        assert_eq!(tag("validation_pseudo_log_likelihood"), "validation/pseudo_log_likelihood");
        assert_eq!(tag("train_free_energy"), "train/free_energy");
        assert_eq!(tag("train_s"), "timing/train_s");
        assert_eq!(tag("sample_distance"), "samples/distance");
        assert_eq!(tag("weight_change"), "model/weight_change");
        assert_eq!(tag("of_another_program"), "model/of_another_program");
    }
}
