//! The names by which files of results refer to other files, as paths.
//!
//! Results may come from anywhere, and a name in them may lead anywhere. Every such name becomes a path here, and only
//! names of the form that this program writes do.

use std::path::{Path, PathBuf};

/// A file or folder that a file of results names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// The folder of a run, below `runs`: hexadecimal digits.
    Run,
    /// The list of the files of a corpus, below the sweep's folder: `corpora/N.jsonl`.
    FileList,
    /// A file below the folder of a run, such as `samples/0.mid`.
    Artifact,
}

/// A name that does not have the form of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not {}", .name.escape_debug(), .expected)]
pub(crate) struct ForeignName {
    /// The name.
    name: String,
    /// The form, in words.
    expected: &'static str,
}

impl Named {
    /// Returns an error unless a name has the form of this kind.
    pub(crate) fn check(self, name: &str) -> Result<(), ForeignName> {
        let admitted = match self {
            Self::Run => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_hexdigit()),
            Self::FileList => {
                let number = name.strip_prefix("corpora/").and_then(|name| name.strip_suffix(".jsonl"));
                number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
            }
            Self::Artifact => {
                let parts = name.split('/');
                parts.clone().count() <= 2 && parts.into_iter().all(is_plain)
            }
        };
        if admitted && name.len() <= LONGEST {
            return Ok(());
        }
        Err(ForeignName { name: name.chars().take(LONGEST).collect(), expected: self.in_words() })
    }

    /// Returns the path of the file of this name below `folder`: that of the run for an artifact, that of the sweep for
    /// the others.
    pub(crate) fn below(self, folder: &Path, name: &str) -> Result<PathBuf, ForeignName> {
        self.check(name)?;
        Ok(if self == Self::Run { folder.join("runs").join(name) } else { folder.join(name) })
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Run => "the name of a run",
            Self::FileList => "the list of a corpus, `corpora/N.jsonl`",
            Self::Artifact => "the name of a file of a run",
        }
    }
}

/// Returns an error unless the names of keys or metrics in a file are plain: they become headings, columns and lines.
pub(super) fn check_keys<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<(), ForeignName> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let foreign = names.into_iter().find(|name| name.is_empty() || !name.bytes().all(known) || name.len() > LONGEST);
    foreign.map_or(Ok(()), |name| {
        Err(ForeignName { name: name.chars().take(LONGEST).collect(), expected: "the name of a key or a metric" })
    })
}

/// The most bytes of a name.
const LONGEST: usize = 200;

/// Returns true if a part of a path is a plain name: letters, digits, `.`, `-` and `_`, without a dot or a dash in front.
fn is_plain(part: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !part.is_empty() && !part.starts_with(['.', '-']) && part.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_expected_form_become_paths() {
        let folder = Path::new("folder");
        let admitted = |named: Named, name: &str| named.below(folder, name).is_ok();
        assert_eq!(Named::Run.below(folder, "0123456789ab").unwrap(), Path::new("folder/runs/0123456789ab"));
        assert_eq!(Named::FileList.below(folder, "corpora/12.jsonl").unwrap(), Path::new("folder/corpora/12.jsonl"));
        for name in ["model.safetensors", "samples/0.mid", "samples/samples.npy", "rolls.json"] {
            assert_eq!(Named::Artifact.below(folder, name).unwrap(), folder.join(name));
        }
        let foreign = ["", ".", "..", "/", "/etc/passwd", "../x", "samples/../../x", "a//b", "a/", "/a", "a\\b", "C:x"];
        let odd = ["a/b/c", ".hidden", "samples/.x", "-rf", "a\nb", "a\u{1b}[2J", "a\0b", "ä"];
        for name in foreign.into_iter().chain(odd).chain([&*"a".repeat(201)]) {
            for named in [Named::Run, Named::FileList, Named::Artifact] {
                assert!(!admitted(named, name), "{named:?} {name:?}");
            }
        }
        for name in ["corpora/.jsonl", "corpora/x.jsonl", "corpora/1.json", "plan.json", "corpora/../1.jsonl"] {
            assert!(!admitted(Named::FileList, name), "{name}");
        }
        assert!(!admitted(Named::Run, "plan"));
        let error = Named::FileList.check("../\u{1b}x\n").unwrap_err().to_string();
        assert_eq!(error, "`../\\u{1b}x\\n` is not the list of a corpus, `corpora/N.jsonl`");
    }
}
