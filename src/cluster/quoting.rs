//! Words as shells and job scripts read them.

/// A word as a POSIX shell reads it: bare if it is plain, else in single quotes.
pub(super) fn shell(word: &str) -> String {
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Whether neither a shell nor Slurm gives a meaning to a letter.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-_./,:=+@%".contains(letter)
}

/// A command as one would type it.
pub(super) fn command(words: &[String]) -> String {
    words.iter().map(|word| shell(word)).collect::<Vec<_>>().join(" ")
}

/// A word of a `#SBATCH` line. Slurm reads it as a shell would in double quotes, but expands nothing; outside of quotes a
/// `#` begins a comment, and a backslash does not hold words together.
pub(super) fn directive(word: &str) -> String {
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("\"{}\"", word.replace('\\', r"\\").replace('"', "\\\""))
    }
}

/// A path as part of the name of a log, where Slurm gives a meaning to `%`.
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
