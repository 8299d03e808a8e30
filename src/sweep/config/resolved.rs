//! The text of a configuration as it was resolved, kept beside the results.

use super::SweepConfig;
use super::axis::Axis;
use super::document::ARGUMENTS;
use super::error::Origin;
use super::key::{Kind, display};
use super::keys::KEYS;
use super::layer::PointSettings;
use super::value::Assignment;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

impl SweepConfig {
    /// Returns a TOML file of this whole sweep that can be stored anywhere: the settings of file and arguments, without
    /// what they override, and with the corpus' path made absolute. Where they come from more than one place, each line
    /// ends with its own: the file and the line, or `--set`.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut table = "";
        let places = Places { shown: self.has_several_sources() };
        let set = KEYS.iter().zip(&self.base.0).filter_map(|(key, set)| Some((key, set.as_ref()?)));
        for (key, set) in set {
            if key.table() != table {
                table = key.table();
                let _ = writeln!(text, "\n[{table}]");
            }
            let name = key.path.rsplit('.').next().unwrap_or(key.path);
            let _ = writeln!(text, "{name} = {}{}", written(key.kind, set), places.of(&set.origin));
        }
        if self.base.get("name").is_none() {
            text = format!("name = {}\n{text}", display(&self.name.as_str().into()));
        }
        // The grid's axes come first, each a group of its own; a lone axis after a group of several is a zip.
        let lone = self.walks.iter().take_while(|walk| walk.len() == 1).count();
        let (grid, zips) = self.walks.split_at(lone);
        if !grid.is_empty() {
            text.push_str("\n[sweep.grid]\n");
        }
        for axis in grid.iter().flatten() {
            write_axis(&mut text, axis, places);
        }
        for zip in zips {
            text.push_str("\n[[sweep.zip]]\n");
            for axis in zip {
                write_axis(&mut text, axis, places);
            }
        }
        if !self.random.is_empty() {
            let _ = writeln!(text, "\n[sweep.random]\ncount = {}", self.random_count);
        }
        for axis in &self.random {
            let kind = KEYS[axis.key].kind;
            let values = axis.to_toml(|value| written(kind, value));
            let _ = writeln!(text, "\"{}\" = {values}{}", KEYS[axis.key].path, places.of(&axis.key_origin));
        }
        write_points(&mut text, "include", &self.include, places);
        write_points(&mut text, "exclude", &self.exclude, places);
        text.trim_start().to_owned()
    }

    /// Returns true if settings and axes come from more than one file, or from a file and arguments.
    fn has_several_sources(&self) -> bool {
        let set = self.base.0.iter().flatten().map(|set| &set.origin);
        let axes = self.walks.iter().flatten().map(|axis| &axis.key_origin);
        let random = self.random.iter().map(|axis| &axis.key_origin);
        let points = self.include.iter().chain(&self.exclude).map(|point| &point.origin);
        let mut names = set.chain(axes).chain(random).chain(points).map(|origin| &origin.source.name);
        let first = names.next();
        names.any(|name| Some(name) != first)
    }
}

/// The comments that say where values come from.
#[derive(Clone, Copy)]
struct Places {
    shown: bool,
}

impl Places {
    fn of(self, origin: &Origin) -> String {
        match origin.source.name.as_str() {
            _ if !self.shown => String::new(),
            ARGUMENTS => "  # --set".to_owned(),
            file => format!("  # {file}:{}", origin.line()),
        }
    }
}

fn write_axis(text: &mut String, axis: &Axis, places: Places) {
    let key = &KEYS[axis.key];
    let values: Vec<String> = axis.values.iter().map(|value| written(key.kind, value)).collect();
    let _ = writeln!(text, "\"{}\" = [{}]{}", key.path, values.join(", "), places.of(&axis.key_origin));
}

fn write_points(text: &mut String, table: &str, points: &[PointSettings], places: Places) {
    for point in points {
        let _ = writeln!(text, "\n[[sweep.{table}]]{}", places.of(&point.origin));
        for setting in &point.settings {
            let key = &KEYS[setting.key];
            let _ = writeln!(text, "\"{}\" = {}", key.path, written(key.kind, &setting.assignment));
        }
    }
}

/// Writes a value as TOML. Seeds are strings, as TOML's integers end at 2^63.
fn written(kind: Kind, assignment: &Assignment) -> String {
    match (kind, &assignment.value) {
        (Kind::Seed, seed) => format!("\"{seed}\""),
        (Kind::InputPath, Value::String(path)) => {
            let absolute = std::path::absolute(Path::new(path)).ok();
            display(&absolute.as_deref().and_then(Path::to_str).unwrap_or(path).into())
        }
        (_, value) => display(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolved_text_plans_the_same_runs() {
        let text = r#"
            [corpus]
            path = "music"
            [train]
            k = 3
            [replicates]
            count = 2
            seed = 18446744073709551615
            [sweep.grid]
            "model.hidden" = [5, 10]
            [[sweep.zip]]
            "train.momentum" = [0, 0.5]
            "corpus.planes" = [["hold"], ["hold", "onset"]]
            [[sweep.zip]]
            "corpus.path" = ["a \"b\"", "/c"]
            [sweep.random]
            count = 3
            "train.learning_rate" = { log-uniform = [1e-7, 0.1] }
            "train.batch_size" = { uniform = [10, 100] }
            "train.method" = { choice = ["cd", "pcd"] }
            [[sweep.include]]
            "model.hidden" = 99
            [[sweep.exclude]]
            "model.hidden" = 5
            "train.momentum" = 0.5
        "#;
        let sets = ["train.epochs=7".to_owned()];
        let sweep = SweepConfig::from_text(Some((Path::new("lists/many.toml"), text.to_owned())), &sets).unwrap();
        let resolved = sweep.to_toml();
        let again = SweepConfig::from_text(Some((Path::new("/elsewhere/sweep.toml"), resolved.clone())), &[]).unwrap();
        // The places stand where there is more than one source; the resolved text is the only one of the second.
        let without_places: Vec<&str> =
            resolved.lines().map(|line| line.split("  # ").next().unwrap_or(line)).collect();
        assert_ne!(without_places.join("\n"), resolved.trim_end());
        assert_eq!(again.to_toml().lines().collect::<Vec<_>>(), without_places);
        assert_eq!(again.name, "many");
        let ids = |sweep: &SweepConfig| -> Vec<String> {
            sweep.plan().unwrap().runs.iter().map(|run| run.run_id("")).collect()
        };
        assert_eq!(ids(&again), ids(&sweep));
        assert_eq!(ids(&sweep).len(), 2 * (3 * 2 * 3 + 1));
        assert_eq!(again.base(None).unwrap().corpus.path, std::path::absolute("lists/music").ok());
    }
}
