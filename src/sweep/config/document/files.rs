//! The files of a configuration: each with those that it extends.

use super::{Document, Entry, Raw};
use crate::machine::file::read_regular_up_to;
use crate::machine::text::Shown as _;
use crate::sweep::config::SONGS_RECIPE;
use crate::sweep::config::error::{ConfigError, Origin};
use crate::sweep::config::value::at_home;
use std::path::{Path, PathBuf};

/// The key at the top of a file that names the file below it.
const EXTENDS: &str = "extends";

/// The largest configuration, in bytes.
const MAX_BYTES: u64 = 1 << 26;

/// Reads the text of a configuration file.
pub(in crate::sweep::config) fn read(path: &Path) -> Result<String, ConfigError> {
    use std::io::ErrorKind;
    if path == Path::new(SONGS_RECIPE) {
        return Ok(include_str!("../../../../configs/rnn-rbm.toml").to_owned());
    }
    let name = path.shown();
    let bytes = read_regular_up_to(path, MAX_BYTES);
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(|_| ErrorKind::InvalidData.into()));
    text.map_err(|error| match error.kind() {
        ErrorKind::NotFound => ConfigError::new(format!("there is no configuration file `{name}`"))
            .help("give the path of a TOML file, such as `--config configs/quick.toml`"),
        ErrorKind::InvalidData => ConfigError::new(format!("the configuration `{name}` is not a text in UTF-8")),
        _ => ConfigError::new(format!("cannot read the configuration `{name}`: {error}")),
    })
}

/// Returns the documents of a file, the lowest layer first: what it extends, directly or through others, then itself.
pub(in crate::sweep::config) fn documents(path: &Path, text: String) -> Result<Vec<Document>, ConfigError> {
    let mut chain = vec![path.to_path_buf()];
    let mut layers = vec![Document::from_file(path, text)?];
    while let Some(below) = layers.last_mut().map(extended).transpose()?.flatten() {
        let (name, origin) = below;
        let path =
            chain.last().and_then(|own| own.parent()).map_or_else(|| PathBuf::from(&name), |own| own.join(&name));
        let known = chain.iter().position(|own| is_same(own, &path));
        chain.push(path);
        if let Some(first) = known {
            let circle: Vec<String> = chain[first..].iter().map(|path| path.shown().to_string()).collect();
            let message = format!("configurations extend each other in a circle: {}", circle.join(" extends "));
            return Err(ConfigError::at(&origin, message, "this closes the circle").help("take one `extends` out"));
        }
        let path = &chain[chain.len() - 1];
        let text = read(path).map_err(|error| error.related(&origin, "extended here"))?;
        layers.push(Document::from_file(path, text)?);
    }
    layers.reverse();
    Ok(layers)
}

/// Takes `extends` out of a document; returns the file that it names, and the place.
fn extended(document: &mut Document) -> Result<Option<(String, Origin)>, ConfigError> {
    let Some(place) = document.entries.iter().position(|entry| entry.key == EXTENDS) else { return Ok(None) };
    let Entry { node, .. } = document.entries.remove(place);
    match node.value {
        Raw::Text(name) if !name.is_empty() => Ok(Some((at_home(&name).into_owned(), node.origin))),
        _ => {
            let message = format!("`{EXTENDS}` cannot be {}", node.origin.text());
            let example = "for example `extends = \"base.toml\"`, relative to this file";
            Err(ConfigError::at(&node.origin, message, "expected the path of a file").help(example))
        }
    }
}

/// Returns true if two paths lead to one file.
fn is_same(a: &Path, b: &Path) -> bool {
    let whole = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    whole(a) == whole(b)
}
