//! The contents of a report: everything that the page shows.

use super::error::ReportError;
use super::music::{Baselines, Rolls};
use super::page;
use super::provenance::Provenance;
use super::runs::{Axis, Column, Curves, Runs, Term, Totals, axes_of, columns_of, points_of, term};
use super::sweep_results::SweepResults;
use super::units::{self, ModelUnits};
use crate::sweep::{StoreError, Summary, write_whole};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that the page shows.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of the embedded data.
    schema: u32,
    /// The sweep's name.
    name: String,
    /// Runs and points, counted.
    totals: Totals,
    /// The metric that puts the best point first.
    ordered_by: Option<String>,
    /// The keys that vary.
    axes: Vec<Axis>,
    /// The points listed, best first: for each axis the index of the value.
    points: Vec<Vec<usize>>,
    /// The runs listed, by point.
    runs: Runs,
    /// Metrics and times, a value a run.
    columns: Vec<Column>,
    /// What the names of columns and of curves mean.
    glossary: BTreeMap<String, Term>,
    /// Metrics by epoch.
    curves: Curves,
    /// The music of baselines.
    baselines: Baselines,
    /// Samples and training windows as notes.
    rolls: Rolls,
    /// Weights of hidden units.
    units: Vec<ModelUnits>,
    /// Where all this comes from.
    provenance: Provenance,
    /// What a bound has left out, in words.
    left_out: Vec<String>,
}

impl Report {
    const SCHEMA: u32 = 1;

    /// Gather the report of the sweep whose results are in `folder`.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        let results = SweepResults::read(folder)?;
        Ok(Self::of(&results))
    }

    fn of(results: &SweepResults) -> Self {
        let Summary { name, ordered_by, .. } = &results.summary;
        let mut left_out = Vec::new();
        let runs = Runs::of(results, &mut left_out);
        let axes = axes_of(results);
        let points = points_of(&axes, results, runs.points());
        let columns = columns_of(results, &runs);
        let curves = Curves::read(results, &runs, &mut left_out);
        let names = columns.iter().map(|column| &column.name).chain(&curves.names);
        Self {
            schema: Self::SCHEMA,
            name: name.clone(),
            totals: Totals::of(results),
            ordered_by: ordered_by.clone(),
            points,
            glossary: names.filter_map(|name| Some((name.clone(), term(name)?))).collect(),
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

    /// What a bound has left out of the page, in words.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// The page.
    pub fn to_html(&self) -> String {
        page::render(&self.name, self.runs.len(), self)
    }

    /// Write the page whole or not at all; returns its size in bytes.
    pub fn write(&self, path: &Path) -> Result<usize, StoreError> {
        let html = self.to_html();
        write_whole(path, html.as_bytes())?;
        Ok(html.len())
    }
}
