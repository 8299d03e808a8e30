//! The page: template, style and scripts in one file, with the report embedded.

use super::Report;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("assets/style.css");

/// One script out of one file a part of the page, in a scope of its own; later parts build on earlier ones.
const SCRIPT: &str = concat!(
    "'use strict';\n(() => {\n",
    include_str!("assets/data.js"),
    include_str!("assets/format.js"),
    include_str!("assets/dom.js"),
    include_str!("assets/colour.js"),
    include_str!("assets/theme.js"),
    include_str!("assets/chart.js"),
    include_str!("assets/roll.js"),
    include_str!("assets/synth.js"),
    include_str!("assets/player.js"),
    include_str!("assets/overview.js"),
    include_str!("assets/filter.js"),
    include_str!("assets/table.js"),
    include_str!("assets/curves.js"),
    include_str!("assets/axes.js"),
    include_str!("assets/heatmap.js"),
    include_str!("assets/parallel.js"),
    include_str!("assets/listen.js"),
    include_str!("assets/units.js"),
    include_str!("assets/music.js"),
    include_str!("assets/timing.js"),
    include_str!("assets/provenance.js"),
    include_str!("assets/main.js"),
    "})();\n",
);

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: &'a str,
    style: &'static str,
    script: &'static str,
    /// Content-Security-Policy sources: the hashes of the only style and script that may apply.
    style_hash: String,
    script_hash: String,
    /// JSON that can stand in an element.
    data: String,
    version: &'static str,
    runs: usize,
}

/// The whole page.
pub(super) fn render(report: &Report) -> String {
    let page = Page {
        title: &report.name,
        style: STYLE,
        script: SCRIPT,
        style_hash: source_hash(STYLE),
        script_hash: source_hash(SCRIPT),
        data: embeddable_json(report),
        version: env!("CARGO_PKG_VERSION"),
        runs: report.runs.len(),
    };
    page.render().expect("a template without fallible parts renders into memory")
}

/// What a policy calls the text of an element by.
fn source_hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// JSON in which nothing ends the element that it stands in, or begins another: `<` can only be part of a string, where
/// its escape means the same.
fn embeddable_json(report: &Report) -> String {
    let json = serde_json::to_string(report).expect("a report is plain data");
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}
