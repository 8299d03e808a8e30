//! The polyphonic data set: sequences of sets of pitches in JSON, already split into training, validation, test.

use super::song::{Song, Split};
use crate::music::piano_roll::{Layout, PianoRoll, Plane};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// The contents of a data set.
#[derive(Debug)]
pub(super) struct Polyphonic {
    /// The sequences: training, validation, test, each in the order of the file.
    pub(super) songs: Vec<Song>,
    /// The number of pitches left out because they are outside the layout.
    pub(super) outside: u64,
    /// The number of pitches in the file.
    pub(super) pitches: u64,
}

/// The reason a data set cannot be read. Sequences and steps are counted from 1.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolyphonicError {
    /// The file is not JSON.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// The JSON has another shape.
    #[error("{place}: expected {expected}, found {found}")]
    Shape {
        /// The place in the data set.
        place: String,
        /// The kind of value that belongs there.
        expected: &'static str,
        /// The value that is there.
        found: String,
    },
    /// A split appears twice. JSON does not say which of the two counts, and readers differ.
    #[error("{key:?} appears more than once: join its lists of sequences into one")]
    Repeated {
        /// The key of the split.
        key: String,
    },
}

/// The splits with their keys.
const SPLITS: [(&str, Split); 3] = [("train", Split::Train), ("valid", Split::Validation), ("test", Split::Test)];

/// Parses `{"train" | "valid" | "test": [[[pitch …] …] …]}`: a split is a list of sequences, a sequence a list of
/// steps, a step a list of pitches. The layout must have only the hold plane.
pub(super) fn parse(bytes: &[u8], layout: &Layout) -> Result<Polyphonic, PolyphonicError> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let value: Value = serde_json::from_slice(bytes).map_err(|error| PolyphonicError::Syntax(error.to_string()))?;
    let Value::Object(sets) = &value else {
        return Err(shape("the data set", "an object with train, valid and test", &value));
    };
    if let Some((key, value)) = sets.iter().find(|(key, _)| SPLITS.iter().all(|(split, _)| split != key)) {
        return Err(shape(&format!("{key:?}"), "only the keys train, valid and test", value));
    }
    // If a key appears twice, `value` holds only the last.
    let Keys(keys) = serde_json::from_slice(bytes).map_err(|error| PolyphonicError::Syntax(error.to_string()))?;
    if let Some(index) = (1..keys.len()).find(|&index| keys[..index].contains(&keys[index])) {
        return Err(PolyphonicError::Repeated { key: keys[index].clone() });
    }
    let mut set = Polyphonic { songs: Vec::new(), outside: 0, pitches: 0 };
    for (key, split) in SPLITS {
        let Some(sequences) = sets.get(key) else { continue };
        for (index, sequence) in list(sequences, || key.into(), "a list of sequences")?.iter().enumerate() {
            let name = format!("{key}/{}", index + 1);
            let place = || format!("{key}, sequence {}", index + 1);
            let steps = list(sequence, place, "a list of steps")?;
            let mut roll = PianoRoll::silent(layout.clone(), steps.len());
            for (step, pitches) in steps.iter().enumerate() {
                let place = || format!("{}, step {}", place(), step + 1);
                let hold = chord(list(pitches, place, "a list of pitches")?, place, &mut set, layout)?;
                roll.fill_step(step, hold, 0);
            }
            let split = Some(split);
            set.songs.push(Song { name, roll, split });
        }
    }
    Ok(set)
}

/// The keys of an object in the order of the text, repeated ones included.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysVisitor;

        impl<'de> Visitor<'de> for KeysVisitor {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }

        deserializer.deserialize_map(KeysVisitor)
    }
}

/// Returns the pitches of one step as bits, pitch `p` as bit `p`, and counts them in `set`.
fn chord(
    pitches: &[Value],
    place: impl Fn() -> String,
    set: &mut Polyphonic,
    layout: &Layout,
) -> Result<u128, PolyphonicError> {
    let mut hold = 0;
    for value in pitches {
        let Some(pitch) = value.as_u64().filter(|&pitch| pitch < 128) else {
            return Err(shape(&place(), "a MIDI pitch, 0 to 127", value));
        };
        hold |= 1 << pitch;
        set.pitches += 1;
        set.outside += u64::from(layout.column(Plane::Hold, pitch as u8).is_none());
    }
    Ok(hold)
}

fn list<'a>(
    value: &'a Value,
    place: impl FnOnce() -> String,
    expected: &'static str,
) -> Result<&'a Vec<Value>, PolyphonicError> {
    value.as_array().ok_or_else(|| shape(&place(), expected, value))
}

fn shape(place: &str, expected: &'static str, found: &Value) -> PolyphonicError {
    let found = match found {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        other => other.to_string(),
    };
    PolyphonicError::Shape { place: place.into(), expected, found }
}

#[cfg(test)]
mod tests {
    use super::{Split, parse};
    use crate::music::{Layout, Plane};

    fn layout() -> Layout {
        Layout { lowest_pitch: 24, highest_pitch: 102, planes: vec![Plane::Hold], units: None }
    }

    #[test]
    fn sequences_keep_their_splits_and_order() {
        let json = br#"{"test": [[[60]]], "train": [[[60, 64], [], [20, 67]], []], "valid": []}"#;
        let set = parse(json, &layout()).unwrap();
        let songs: Vec<_> = set.songs.iter().map(|song| (song.name.as_str(), song.split, song.roll.steps())).collect();
        let (train, test) = (Some(Split::Train), Some(Split::Test));
        assert_eq!(songs, [("train/1", train, 3), ("train/2", train, 0), ("test/1", test, 1)]);
        let roll = &set.songs[0].roll;
        let steps: Vec<u128> = (0..3).map(|step| roll.pitches_at(step, Plane::Hold)).collect();
        assert_eq!(steps, [1 << 60 | 1 << 64, 0, 1 << 67]);
        assert_eq!((set.outside, set.pitches), (1, 5));
    }

    #[test]
    fn errors_name_the_place() {
        let error = |json: &str| parse(json.as_bytes(), &layout()).unwrap_err().to_string();
        assert_eq!(
            error(r#"{"train": [[], [[60], [60, 128]]]}"#),
            "train, sequence 2, step 2: expected a MIDI pitch, 0 to 127, found 128"
        );
        assert_eq!(
            error(r#"{"valid": [[[60], 61]]}"#),
            "valid, sequence 1, step 2: expected a list of pitches, found 61"
        );
        assert_eq!(error(r#"{"test": [7]}"#), "test, sequence 1: expected a list of steps, found 7");
        assert_eq!(error(r#"{"test": {}}"#), "test: expected a list of sequences, found an object");
        assert_eq!(error(r#"{"dev": []}"#), "\"dev\": expected only the keys train, valid and test, found a list");
        assert_eq!(error("[]"), "the data set: expected an object with train, valid and test, found a list");
        assert_eq!(
            error(r#"{"train": [], "test": [], "train": [[[60]]]}"#),
            "\"train\" appears more than once: join its lists of sequences into one"
        );
        assert!(error("{").starts_with("not JSON: "));
        assert!(error(r#"{"train": [[[60.5]]]}"#).ends_with("found 60.5"));
        assert!(error(r#"{"train": [[[-1]]]}"#).ends_with("found -1"));
    }
}
