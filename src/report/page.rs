//! The page: template, style and scripts in one file, with the report embedded.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("assets/style.css");

/// One script out of one file a part of the page, in a scope of its own; later parts build on earlier ones.
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
    /// Content-Security-Policy sources: the hashes of the only style and script that may apply.
    style_hash: String,
    script_hash: String,
    /// JSON that can stand in an element.
    data: String,
    version: &'static str,
    runs: usize,
}

/// The whole page.
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

/// What a policy calls the text of an element by.
fn source_hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// JSON in which nothing ends the element that it stands in, or begins another: `<` can only be part of a string, where
/// its escape means the same.
fn embeddable_json(report: &impl Serialize) -> String {
    let json = serde_json::to_string(report).expect("a report is plain data");
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}
