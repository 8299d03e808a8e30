//! The difference of two sweeps in what no axis of either varies.

use super::SweepConfig;
use super::key::{Role, display};
use super::keys::KEYS;
use super::settings::Settings;

/// A key in which two sweeps differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sweep) struct Difference {
    /// The path of the key.
    pub(in crate::sweep) key: &'static str,
    /// The value in this sweep, as a configuration writes it.
    pub(in crate::sweep) own: String,
    /// The value in the other.
    pub(in crate::sweep) other: String,
    /// True if the key says where data come from.
    pub(in crate::sweep) is_input: bool,
}

impl SweepConfig {
    /// Returns the keys of data, models and training in which this sweep differs from another and which neither varies.
    pub(in crate::sweep) fn differences(&self, other: &Self) -> Vec<Difference> {
        let resolve = |sweep: &Self| Settings::resolve(&sweep.base).ok();
        let (Some(own), Some(theirs)) = (resolve(self), resolve(other)) else { return Vec::new() };
        let counts = |key: usize| {
            let decides = KEYS[key].role != Role::Setup || KEYS[key].path == "replicates.seed";
            decides && !KEYS[key].after_training && !self.varies(key) && !other.varies(key)
        };
        let differing = (0..KEYS.len()).filter(|&key| counts(key) && own.at(key) != theirs.at(key));
        let difference = |key: usize| Difference {
            key: KEYS[key].path,
            own: display(own.at(key)),
            other: display(theirs.at(key)),
            is_input: KEYS[key].role == Role::Input,
        };
        differing.map(difference).collect()
    }

    /// Returns true if points of the sweep may differ in a key.
    fn varies(&self, key: usize) -> bool {
        self.walks.iter().flatten().any(|axis| axis.key == key)
            || self.random.iter().any(|axis| axis.key == key)
            || self.include.iter().flat_map(|point| &point.settings).any(|setting| setting.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_and_what_comes_after_training_are_no_difference() {
        let read =
            |text: &str| SweepConfig::from_text(Some((std::path::Path::new("s.toml"), text.into())), &[]).unwrap();
        let keys = |one: &str, other: &str| {
            read(one).differences(&read(other)).into_iter().map(|own| own.key).collect::<Vec<_>>()
        };
        let base = "[train]\nk = 2\n";
        assert_eq!(keys(base, base), [""; 0]);
        assert_eq!(keys("[train]\nk = 3\n", base), ["train.k"]);
        assert_eq!(keys("", "[corpus]\npath = \"midi\"\n"), ["corpus.path"]);
        assert_eq!(keys("[sweep.grid]\n\"train.k\" = [3, 4]\n", base), [""; 0]);
        assert_eq!(keys(base, "[[sweep.include]]\n\"train.k\" = 5\n"), [""; 0]);
        assert_eq!(keys("[sample]\nsteps = 9\n[replicates]\ncount = 4\n[run]\njobs = 1\n", ""), [""; 0]);
        assert_eq!(keys("[replicates]\nseed = 9\n", ""), ["replicates.seed"]);
    }
}
