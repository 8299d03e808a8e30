//! Tests of the arguments.

use super::*;
use crate::sweep::{KEYS, Key, Kind};
use clap::{Arg, Command};

/// Splits a command line into words, without single quotes, as a shell does.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match (character, words.last_mut()) {
            ('\'', _) => quoted = !quoted,
            (' ', _) if !quoted => words.push(String::new()),
            (_, Some(word)) => word.push(character),
            (_, None) => {}
        }
    }
    words
}

/// The help of every verb has examples, and they parse.
#[test]
fn every_help_has_examples_that_parse() {
    let mut command = Cli::command();
    command.build();
    let verbs = command.get_subcommands().filter(|verb| verb.get_name() != "help");
    let helps: Vec<(String, String)> = std::iter::once(command.clone())
        .chain(verbs.cloned())
        .map(|mut verb| (verb.get_name().to_owned(), verb.render_long_help().to_string()))
        .collect();
    assert!(helps.len() > 6, "{}", helps.len());
    for (verb, help) in helps {
        let (_, examples) = help.split_once("Example").unwrap_or_else(|| panic!("{verb}: no example"));
        let lines: Vec<&str> = examples.lines().map(str::trim).filter(|line| line.starts_with("runner ")).collect();
        assert!(!lines.is_empty(), "{verb}: no example");
        for line in lines {
            // What follows goes to the shell.
            let line = line.split(" > ").next().unwrap_or(line);
            // A folder without a verb must exist.
            let words = words(line).into_iter().map(|word| match word.as_str() {
                "my-midi-files" => env!("CARGO_MANIFEST_DIR").into(),
                _ => OsString::from(word),
            });
            let arguments = with_verb(words).unwrap();
            Cli::try_parse_from(arguments).unwrap_or_else(|error| panic!("{verb}: {line}: {error}"));
        }
    }
}

/// The keys that no flag mirrors.
const WITHOUT_FLAG: &[&str] = &[
    "sample.skip_empty",
    // `--length` takes bars too.
    "sample.length",
    "evaluate.every",
    "evaluate.log_likelihood",
    "evaluate.pseudo_likelihood_windows",
    "evaluate.windows",
];

/// Returns the flags of `sample` and `evaluate`, each with the key that it mirrors.
fn mirrors(program: &Command) -> Vec<(&Command, &Arg, &'static Key)> {
    let keys = KEYS.iter().filter(|key| !WITHOUT_FLAG.contains(&key.path));
    keys.filter_map(|key| {
        let verb = Some(key.table()).filter(|table| ["sample", "evaluate"].contains(table))?;
        let name = key.path[verb.len() + 1..].trim_start_matches("ais_").replace('_', "-");
        let command = program.find_subcommand(verb).unwrap();
        let flag = command.get_arguments().find(|argument| argument.get_long() == Some(&name));
        Some((command, flag.unwrap_or_else(|| panic!("{verb} has no --{name} for `{}`", key.path)), key))
    })
    .collect()
}

/// Returns texts within the values of a key, and texts outside them.
fn examples(key: &Key) -> (Vec<String>, Vec<String>) {
    match key.kind {
        Kind::Integer { min, max } => (
            vec![min.to_string(), max.to_string()],
            vec![(min - 1).to_string(), (max + 1).to_string(), "1.5".into(), "x".into()],
        ),
        Kind::Float { min, max, .. } => (
            vec![min.to_string(), max.to_string()],
            vec![(min / 2.0).to_string(), (max * 1.001).to_string(), "nan".into(), "x".into()],
        ),
        Kind::Choice(choices) => (choices.iter().map(ToString::to_string).collect(), vec!["x".into(), String::new()]),
        kind => panic!("no flag takes {}", kind.describe()),
    }
}

#[test]
fn flags_take_the_values_and_the_help_of_their_keys() {
    let mut program = Cli::command();
    program.build();
    let mirrors = mirrors(&program);
    assert!(mirrors.len() >= 14, "{}", mirrors.len());
    for (command, flag, key) in mirrors {
        let name = format!("--{}", flag.get_long().unwrap());
        let takes = |text: &str| {
            let model = ["--model", "m", &format!("{name}={text}")].map(str::to_owned);
            command.clone().no_binary_name(true).try_get_matches_from(model)
        };
        let (within, outside) = examples(key);
        for text in within {
            takes(&text).unwrap_or_else(|error| panic!("{name} {text}: {error}"));
        }
        for text in outside {
            let error = takes(&text).unwrap_err().to_string();
            assert!(error.contains(&name), "{name} {text}: {error}");
        }
        let help = flag.get_help().unwrap().to_string();
        assert!(help.starts_with(key.doc), "{name}: {help}");
        let choices: Vec<String> = flag.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        match key.kind {
            Kind::Choice(expected) => assert_eq!(choices, expected, "{name}"),
            kind => assert!(help.contains(&kind.describe()), "{name}: {help}"),
        }
    }
}
