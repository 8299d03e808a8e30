//! Text from elsewhere as a person may read it: names of files, and what files say.
//!
//! A terminal obeys control characters, and a line break makes one line look like two. Both are written as escapes.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Display, Write as _};
use std::path::Path;

/// A form for people to read.
pub(crate) trait Shown {
    /// Returns the text on one line, with control characters as escapes; bytes that are not Unicode as `\xNN`.
    fn shown(&self) -> Cow<'_, str>;
}

impl Shown for str {
    fn shown(&self) -> Cow<'_, str> {
        if self.contains(is_control) { Cow::Owned(escaped(self, |_| false)) } else { Cow::Borrowed(self) }
    }
}

impl Shown for OsStr {
    fn shown(&self) -> Cow<'_, str> {
        match self.to_str() {
            // Two names must not look alike.
            Some(text) if !text.contains("\\x") => text.shown(),
            _ => {
                let mut shown = String::new();
                for chunk in self.as_encoded_bytes().utf8_chunks() {
                    shown += &chunk.valid().replace("\\x", "\\\\x").shown();
                    for byte in chunk.invalid() {
                        // Writing to a string cannot fail.
                        let _ = write!(shown, "\\x{byte:02x}");
                    }
                }
                Cow::Owned(shown)
            }
        }
    }
}

impl Shown for Path {
    fn shown(&self) -> Cow<'_, str> {
        self.as_os_str().shown()
    }
}

/// A value whose text is shown on one line, such as an error that quotes a file.
pub(crate) struct OneLine<T>(pub(crate) T);

impl<T: Display> Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string().shown())
    }
}

/// Returns lines of text with every control character as an escape but line breaks and tabs. `keep_colours` keeps the
/// sequences that colour text.
pub(crate) fn safe_lines(text: &str, keep_colours: bool) -> Cow<'_, str> {
    let is_layout = |letter: char| matches!(letter, '\n' | '\t');
    if !text.contains(|letter| is_control(letter) && !is_layout(letter)) {
        return Cow::Borrowed(text);
    }
    if !keep_colours {
        return Cow::Owned(escaped(text, is_layout));
    }
    let mut safe = String::with_capacity(text.len());
    for (index, part) in text.split("\u{1b}[").enumerate() {
        let colour = part.find(|letter: char| !letter.is_ascii_digit() && letter != ';');
        let is_colour = colour.is_some_and(|end| part[end..].starts_with('m'));
        if index > 0 {
            safe.push_str(if is_colour { "\u{1b}[" } else { "\\u001b[" });
        }
        safe.push_str(&escaped(part, is_layout));
    }
    Cow::Owned(safe)
}

/// Returns true for what a terminal obeys: control characters, and marks that end lines or turn their direction.
fn is_control(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the text with control characters as escapes, in the form that JSON knows too, but for those to keep.
fn escaped(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        let _ = match letter {
            letter if !is_control(letter) || keep(letter) => write!(shown, "{letter}"),
            '\n' => write!(shown, "\\n"),
            '\r' => write!(shown, "\\r"),
            '\t' => write!(shown, "\\t"),
            letter => write!(shown, "\\u{:04x}", u32::from(letter)),
        };
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        for (text, expected) in [
            ("Für Elise (1810).mid", "Für Elise (1810).mid"),
            ("\u{1b}[2J\u{1b}]0;owned\u{7}", "\\u001b[2J\\u001b]0;owned\\u0007"),
            ("one\nERROR two\r", "one\\nERROR two\\r"),
            ("\u{9b}31m\u{7f}", "\\u009b31m\\u007f"),
            ("a\u{202e}b", "a\\u202eb"),
        ] {
            assert_eq!(text.shown(), expected);
            assert_eq!(OneLine(text).to_string(), expected);
        }
        assert_eq!(safe_lines("a\n\tb\u{1b}[0m\r", false), "a\n\tb\\u001b[0m\\r");
        assert_eq!(safe_lines("\u{1b}[1;31mred\u{1b}[0m\u{1b}[2J", true), "\u{1b}[1;31mred\u{1b}[0m\\u001b[2J");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_differ_are_shown_differently() {
        use std::os::unix::ffi::OsStrExt as _;
        let names: [&[u8]; 5] =
            [b"a\xff.mid", b"a\xfe.mid", b"a\\xff.mid", "a\u{fffd}.mid".as_bytes(), b"a\\\\xff.mid"];
        let shown = names.map(|name| Path::new(OsStr::from_bytes(name)).shown().into_owned());
        assert_eq!(shown[..2], ["a\\xff.mid", "a\\xfe.mid"]);
        for (index, one) in shown.iter().enumerate() {
            assert!(shown[..index].iter().all(|other| other != one), "{shown:?}");
        }
    }
}
