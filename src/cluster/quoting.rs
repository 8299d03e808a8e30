//! The quoting of words in job scripts.

/// Quotes a word for a POSIX shell: a plain word stays bare, another gets single quotes.
pub(super) fn shell(word: &str) -> String {
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Returns true if a letter has no special meaning to a shell or to Slurm.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-_./,:=+@%".contains(letter)
}

/// Quotes the words of a command for a POSIX shell.
pub(crate) fn command(words: &[String]) -> String {
    words.iter().map(|word| shell(word)).collect::<Vec<_>>().join(" ")
}

/// Quotes a word for a `#SBATCH` line. Slurm reads double quotes like a shell, but expands nothing. Outside of quotes a
/// `#` begins a comment, and a backslash does not escape a space.
pub(super) fn directive(word: &str) -> String {
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("\"{}\"", word.replace('\\', r"\\").replace('"', "\\\""))
    }
}

/// Escapes a path for the name of a log, where `%` has a meaning to Slurm.
pub(super) fn log_path(path: &str) -> String {
    path.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_written() {
        for word in ["plain/path-1.toml", "", "two words", "it's", "a\"b", "$HOME `id` \\ *", "%%", "é", "-x=1"] {
            let output = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", shell(word))]).output();
            assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), word);
        }
        assert_eq!(shell("a/b.c"), "a/b.c");
        assert_eq!(command(&["ls".into(), "a b".into()]), "ls 'a b'");
    }

    #[test]
    fn directives_escape_what_slurm_would_read_otherwise() {
        assert_eq!(directive("--time=1:00"), "--time=1:00");
        assert_eq!(directive("--output=/a b/it's \"#1\".log"), r##""--output=/a b/it's \"#1\".log""##);
        assert_eq!(log_path("/50%/x"), "/50%%/x");
    }
}
