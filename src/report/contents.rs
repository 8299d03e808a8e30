//! The contents of a report.

use super::error::ReportError;
use super::music::{Baselines, Rolls};
use super::page;
use super::provenance::Provenance;
use super::runs::{Axis, Column, Curves, Rungs, Runs, Term, Totals, axes_of, columns_of, points_of, term};
use super::sweep_results::SweepResults;
use super::units::{self, ModelUnits};
use crate::model::ModelKind;
use crate::sweep::{StoreError, Summary, unplanned_runs, write_whole};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that the page shows.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of the embedded data.
    schema: u32,
    /// The sweep's name.
    name: String,
    /// The words by which a user finds the sweep again.
    tags: Vec<String>,
    /// The purpose of the sweep in the user's words.
    note: Option<String>,
    /// The numbers of runs and points.
    totals: Totals,
    /// The metric that puts the best point first.
    ordered_by: Option<String>,
    /// The rungs of successive halving, if the page shows one sweep that has them.
    halving: Option<Rungs>,
    /// The keys that vary.
    axes: Vec<Axis>,
    /// The points listed, best first: for each axis the index of the value.
    points: Vec<Vec<usize>>,
    /// The runs listed, by point.
    runs: Runs,
    /// The metrics and times, a value for each run.
    columns: Vec<Column>,
    /// The metrics of columns and curves in words, by name.
    glossary: BTreeMap<String, Term>,
    /// The metrics by epoch.
    curves: Curves,
    /// The kinds of model trained, each in words: one, and several.
    kinds: Vec<(&'static str, &'static str)>,
    /// True if the runs were trained on rows that are not music.
    not_music: bool,
    /// The music of baselines.
    baselines: Baselines,
    /// The samples and training windows as notes.
    rolls: Rolls,
    /// The weights of hidden units.
    units: Vec<ModelUnits>,
    /// The origin of the results.
    provenance: Provenance,
    /// The parts that a bound has left out, in words.
    left_out: Vec<String>,
}

impl Report {
    const SCHEMA: u32 = 1;

    /// Gathers the report of the sweep whose results are in `folder`.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        Self::read_several(&[folder])
    }

    /// Gathers one report of the sweeps whose results are in `folders`.
    pub fn read_several(folders: &[&Path]) -> Result<Self, ReportError> {
        let results = SweepResults::read(folders)?;
        Ok(Self::of(&results))
    }

    fn of(results: &SweepResults) -> Self {
        let Summary { name, ordered_by, .. } = &results.summary;
        let mut left_out = Vec::new();
        let one = results.folders.first().filter(|_| results.folders.len() == 1);
        let unplanned = one.map_or(0, |folder| unplanned_runs(folder, &results.plan).len());
        if unplanned > 0 {
            left_out.push(format!("{unplanned} runs of the folder belong to no plan: `runner clean` lists them."));
        }
        let runs = Runs::of(results, &mut left_out);
        let axes = axes_of(results);
        let points = points_of(&axes, results, runs.points());
        let columns = columns_of(results, &runs);
        let curves = Curves::read(results, &runs, &mut left_out);
        let names = columns.iter().map(|column| &column.name).chain(&curves.names);
        // Runs that failed before they had a corpus say nothing.
        let corpora: Vec<_> = results.records.iter().flatten().filter_map(|record| record.corpus.as_ref()).collect();
        Self {
            schema: Self::SCHEMA,
            name: name.clone(),
            tags: results.plan.tags.clone(),
            note: results.plan.note.clone(),
            totals: Totals::of(results),
            ordered_by: ordered_by.clone(),
            halving: Rungs::of(results, points.len()),
            points,
            glossary: names.filter_map(|name| Some((name.clone(), term(name)?))).collect(),
            kinds: kinds_of(results),
            not_music: !corpora.is_empty() && corpora.iter().all(|corpus| corpus.units.is_some()),
            baselines: Baselines::of(results, &runs, &mut left_out),
            rolls: Rolls::read(results, &runs, &mut left_out),
            units: units::read(results, &runs, &mut left_out),
            provenance: Provenance::of(results),
            axes,
            runs,
            columns,
            curves,
            left_out,
        }
    }

    /// Returns the parts that a bound has left out of the page, in words.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Renders the page.
    pub fn to_html(&self) -> String {
        page::render(&self.name, self.runs.len(), self)
    }

    /// Writes the page whole or not at all; returns its size in bytes.
    pub fn write(&self, path: &Path) -> Result<usize, StoreError> {
        let html = self.to_html();
        write_whole(path, html.as_bytes())?;
        Ok(html.len())
    }
}

/// Returns the kinds of model of a sweep in words, in the order of the runs; those of a sweep without records are RBMs.
fn kinds_of(results: &SweepResults) -> Vec<(&'static str, &'static str)> {
    let mut kinds: Vec<ModelKind> = Vec::new();
    for record in results.records.iter().flatten() {
        // A key at its default is left out.
        let named = record.params.get("model.kind").and_then(|kind| serde_json::from_value(kind.clone()).ok());
        let kind = named.unwrap_or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if kinds.is_empty() {
        kinds.push(ModelKind::default());
    }
    kinds.into_iter().map(ModelKind::in_words).collect()
}
