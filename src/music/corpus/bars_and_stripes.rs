//! Bars and stripes: the classic small data set whose best log-likelihood is known (MacKay 2003, section 43.2).

use crate::music::piano_roll::{Layout, PianoRoll};

/// The number of pitches, and of steps, in the largest set, which has 2^11 patterns.
pub const MOST_LINES: usize = 10;

/// Returns the 2^(n+1) patterns of an n × n grid, each a roll of n steps with its name; n is the number of pitches of
/// the layout, which must have one plane. In a bar pattern all pitches or none sound at a step. In a stripe pattern a
/// pitch sounds at all steps or at none. All-off and all-on are both, and appear twice.
///
/// The best mean log-likelihood a model can reach is that of the patterns' own distribution: −1.732868 nats for n = 2,
/// −2.599302 for n = 3, −3.379093 for n = 4.
pub(super) fn patterns(layout: &Layout) -> Vec<(String, PianoRoll)> {
    let lines = layout.columns();
    assert!(lines == layout.pitches() && lines <= MOST_LINES, "bars and stripes of {lines} columns");
    let kinds = [("bar", true), ("stripe", false)];
    let all = kinds.into_iter().flat_map(|kind| (0..1usize << lines).map(move |pattern| (kind, pattern)));
    let roll = |((kind, bars), pattern): ((&str, bool), usize)| {
        let mut roll = PianoRoll::silent(layout.clone(), lines);
        for step in 0..lines {
            for column in 0..lines {
                let line = if bars { step } else { column };
                roll.cells.set(step, column, pattern >> line & 1 == 1);
            }
        }
        (format!("{kind}/{pattern:0lines$b}"), roll)
    };
    all.map(roll).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::Plane;
    use std::collections::BTreeMap;

    /// The best mean log-likelihood is the negative entropy of the patterns.
    #[test]
    fn the_patterns_have_the_stated_entropy() {
        for (lines, best) in [(2, -1.732868), (3, -2.599302), (4, -3.379093)] {
            let layout = Layout { lowest_pitch: 60, highest_pitch: 60 + lines, planes: vec![Plane::Hold], units: None };
            let patterns = patterns(&layout);
            assert_eq!(patterns.len(), 2 << lines);
            let mut counts: BTreeMap<Vec<u64>, f64> = BTreeMap::new();
            for (_, roll) in &patterns {
                assert_eq!(roll.steps(), usize::from(lines));
                *counts.entry(roll.cells.words().to_vec()).or_default() += 1.0 / patterns.len() as f64;
            }
            assert_eq!(counts.len(), (2 << lines) - 2);
            let mean: f64 = counts.values().map(|share| share * share.ln()).sum();
            assert!((mean - best).abs() < 1e-6, "{lines}: {mean}");
        }
    }
}
