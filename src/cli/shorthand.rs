//! The arguments as users write them: a configuration or a folder of songs without a verb, and the words that were meant
//! by arguments that do not exist.

use super::Cli;
use crate::cluster::shell_command;
use crate::machine::text::Shown as _;
use crate::sweep::{PlanFile, SONGS_RECIPE, file_name_fault, meant_key};
use clap::CommandFactory as _;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::path::Path;

/// Returns the arguments with the verb that they mean. `run` goes before an option and before a configuration; a folder
/// of songs becomes a run of the recipe for songs. An error is a request that cannot be done.
pub(super) fn with_verb(arguments: impl Iterator<Item = OsString>) -> Result<Vec<OsString>, clap::Error> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let own = ["-h", "--help", "-V", "--version", "help"];
    let Some(first) = arguments.get(1).cloned() else { return Ok(arguments) };
    let text = first.to_string_lossy().into_owned();
    let path = Path::new(&first);
    if own.contains(&text.as_str()) || Cli::command().get_subcommands().any(|verb| verb.get_name() == text) {
        return Ok(arguments);
    }
    if text.starts_with('-') {
        arguments.insert(1, "run".into());
    } else if path.extension().is_some_and(|extension| extension == "toml") {
        arguments.splice(1..1, ["run".into(), "--config".into()]);
    } else if path.join(PlanFile::NAME).is_file() || path.join("result.json").is_file() {
        let named = |verb: &[&str]| shell_command(&verb.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        let folder = &*path.shown();
        let [report, sample] = [&["runner", "report", folder][..], &["runner", "sample", "--model", folder]].map(named);
        let message =
            format!("{folder} holds results: `{report}` shows them, `{sample}` makes more from their best model");
        return Err(Cli::command().error(ErrorKind::InvalidSubcommand, message));
    } else if path.is_dir() {
        let own_config = arguments[2..].iter().any(|word| word.to_string_lossy().starts_with("--config"));
        let set = |key: &str, value: &str| [OsString::from("--set"), format!("{key}={value:?}").into()];
        let Some(songs) = path.to_str() else {
            let message = format!("the path {} is not Unicode: rename it", path.shown());
            return Err(Cli::command().error(ErrorKind::InvalidUtf8, message));
        };
        let mut words: Vec<OsString> = vec!["run".into()];
        if !own_config {
            words.extend(["--config".into(), SONGS_RECIPE.into()]);
            words.extend(set("name", &name_of(path)));
        }
        words.extend(set("corpus.path", songs));
        arguments.splice(1..2, words);
    }
    Ok(arguments)
}

/// Returns the name of the results of a folder of songs: that of the folder, as far as it can name one anywhere.
fn name_of(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let name = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_plain = |letter: &char| file_name_fault(&format!("a{letter}a")).is_none();
    let name: String = name.chars().map(|letter| if is_plain(&letter) { letter } else { '-' }).collect();
    let name = name.trim_start_matches(['.', '-', ' ']).trim_end_matches(['.', ' ']);
    if file_name_fault(name).is_none() { name.to_owned() } else { "songs".to_owned() }
}

/// Adds to an error of the arguments what was probably meant.
pub(super) fn explain(mut error: clap::Error, arguments: &[OsString]) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidArg).cloned() else { return error };
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let tip = match wrong.strip_prefix("--") {
        Some(flag) => key_tip(flag, &words),
        None if !wrong.starts_with('-') => quotes_tip(&wrong, &words),
        None => None,
    };
    if let Some(tip) = tip {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
        // The similar flag that clap may have found is not the one meant.
        error.remove(ContextKind::SuggestedArg);
    }
    error
}

/// The verbs that read a configuration.
const CONFIGURED: [&str; 4] = ["run", "plan", "submit", "corpus"];

/// Returns the tip to set a key, for a flag that is called like one.
fn key_tip(flag: &str, words: &[String]) -> Option<String> {
    if !words.get(1).is_some_and(|verb| CONFIGURED.contains(&verb.as_str())) {
        return None;
    }
    let key = meant_key(&flag.replace('-', "_"))?;
    let place = words.iter().position(|word| word.strip_prefix("--").is_some_and(|word| word.starts_with(flag)))?;
    let value = match words[place].split_once('=') {
        Some((_, value)) => Some(value),
        None => words.get(place + 1).map(String::as_str).filter(|next| !next.starts_with('-')),
    };
    let setting = format!("{key}={}", value.unwrap_or("VALUE"));
    Some(format!("a key of the configuration is set by `--set`: `{}`", shell_command(&["--set".into(), setting])))
}

/// Returns the tip to quote a text with spaces, of which `wrong` is the second word.
fn quotes_tip(wrong: &str, words: &[String]) -> Option<String> {
    let place = words.iter().position(|word| word == wrong)?;
    let before = words.get(place.checked_sub(1).filter(|&before| before > 1)?)?;
    let rest: Vec<&str> = words[place..].iter().map(String::as_str).take_while(|word| !word.starts_with('-')).collect();
    let whole = format!("{before} {}", rest.join(" "));
    let is_set = words[place - 2] == "--set" && before.contains('=');
    let is_path = !before.starts_with('-') && Path::new(&whole).exists();
    let quoted = match () {
        () if is_set => shell_command(&["--set".into(), whole]),
        () if is_path => shell_command(&[whole]),
        () => return None,
    };
    Some(format!("a text with spaces stands in quotes: `{quoted}`"))
}
