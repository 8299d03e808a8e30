//! The page: one file with template, style, scripts, report.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("assets/style.css");

/// The script, in a scope of its own: one file for each part of the page. Later parts build on earlier ones.
const SCRIPT: &str = concat!(
    "'use strict';\n(() => {\n",
    include_str!("assets/base/data.js"),
    include_str!("assets/base/format.js"),
    include_str!("assets/base/dom.js"),
    include_str!("assets/base/colour.js"),
    include_str!("assets/base/theme.js"),
    include_str!("assets/charts/chart.js"),
    include_str!("assets/sound/roll.js"),
    include_str!("assets/sound/synth.js"),
    include_str!("assets/sound/player.js"),
    include_str!("assets/sections/overview.js"),
    include_str!("assets/runs/filter.js"),
    include_str!("assets/runs/table.js"),
    include_str!("assets/charts/curves.js"),
    include_str!("assets/charts/axes.js"),
    include_str!("assets/charts/heatmap.js"),
    include_str!("assets/charts/parallel.js"),
    include_str!("assets/sound/listen.js"),
    include_str!("assets/sections/halving.js"),
    include_str!("assets/sections/units.js"),
    include_str!("assets/sections/music.js"),
    include_str!("assets/sections/timing.js"),
    include_str!("assets/sections/provenance.js"),
    include_str!("assets/main.js"),
    "})();\n",
);

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: &'a str,
    style: &'static str,
    script: &'static str,
    /// The source of the Content-Security-Policy that admits the style alone.
    style_hash: String,
    script_hash: String,
    /// The report as JSON that an element can hold.
    data: String,
    version: &'static str,
    runs: usize,
}

/// Renders the page of a report.
pub(super) fn render(title: &str, runs: usize, report: &impl Serialize) -> String {
    let page = Page {
        title,
        style: STYLE,
        script: SCRIPT,
        style_hash: source_hash(STYLE),
        script_hash: source_hash(SCRIPT),
        data: embeddable_json(report),
        version: env!("CARGO_PKG_VERSION"),
        runs,
    };
    page.render().expect("a template without fallible parts renders into memory")
}

/// Returns the source by which a policy admits the text of an element: its hash.
fn source_hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// Returns JSON that neither ends the element around it nor begins another: `<` occurs in strings only, where its
/// escape means the same.
fn embeddable_json(report: &impl Serialize) -> String {
    let json = serde_json::to_string(report).expect("a report is plain data");
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}
