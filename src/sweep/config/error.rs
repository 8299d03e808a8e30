//! Mistakes in a configuration, each with its place, reason, remedy.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text that settings are read from: a configuration file, or one `--set` argument.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The name in messages: the path of the file, or `command line`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// The place of a key or value in its source, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The text that the place is in.
    pub source: Arc<Source>,
    /// The bytes from the first to one past the last.
    pub span: Range<usize>,
}

impl Origin {
    /// Returns the place of a value that stands alone on the command line.
    pub(crate) fn of_argument(text: &str) -> Self {
        let source = Source { name: super::document::ARGUMENTS.to_owned(), text: text.to_owned() };
        Self { source: Arc::new(source), span: 0..text.len() }
    }

    /// Returns the text at this place.
    pub fn text(&self) -> &str {
        self.source.text.get(self.span.clone()).unwrap_or_default()
    }

    /// Returns the number of the line, from 1.
    pub fn line(&self) -> usize {
        let before = self.source.text.get(..self.span.start).unwrap_or_default();
        before.matches('\n').count() + 1
    }

    /// Returns the span, cut to the text: an error at the end of a file may point past it.
    fn clamped_span(&self) -> Range<usize> {
        let length = self.source.text.len();
        self.span.start.min(length)..self.span.end.min(length)
    }
}

/// The weight of an entry of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration can be used, but likely has a mistake.
    Warning,
}

/// A place that a mistake is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The position in the source.
    pub origin: Origin,
    /// A few words to stand beside it.
    pub label: String,
}

/// One mistake in a configuration.
///
/// Its text (`Display`) is that of [`Self::render`] without colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The weight: a configuration with warnings alone can be used.
    pub severity: Severity,
    /// The mistake in one line, with the key and the value.
    pub message: String,
    /// The wrong place, then others that matter, such as the first of two settings of a key. Empty if there is no text
    /// to show, as of a missing file.
    pub places: Vec<Place>,
    /// The remedy.
    pub help: Option<String>,
}

impl ConfigError {
    /// Makes a mistake without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), places: Vec::new(), help: None }
    }

    /// Makes a mistake at a place; `label` stands beside the caret.
    pub fn at(origin: &Origin, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(message).related(origin, label)
    }

    /// Adds a place.
    pub fn related(mut self, origin: &Origin, label: impl Into<String>) -> Self {
        self.places.push(Place { origin: origin.clone(), label: label.into() });
        self
    }

    /// Adds advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Turns it into a warning.
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Renders the message with the lines it is about, a caret below the value, and the advice; with terminal colours
    /// or plain.
    pub fn render(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(&self.message));
        let mut sources: Vec<&Source> = self.places.iter().map(|place| &*place.origin.source).collect();
        sources.dedup();
        for source in sources {
            let places = self.places.iter().enumerate().filter(|(_, place)| *place.origin.source == *source);
            let annotations = places.map(|(index, place)| {
                let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                kind.span(place.origin.clamped_span()).label(&place.label)
            });
            group = group.element(Snippet::source(&source.text).path(&source.name).annotations(annotations));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        // Advice hangs below the text shown; where there is none it stands in a line of its own.
        match &self.help {
            Some(help) if self.places.is_empty() => {
                let help = Group::with_title(Level::HELP.secondary_title(help));
                format!("{}\n{}", renderer.render(&[group]), renderer.render(&[help]))
            }
            Some(help) => renderer.render(&[group.element(Level::HELP.message(help))]),
            None => renderer.render(&[group]),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigError {}

/// Every mistake found in a configuration, in the order found; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    /// Renders all messages, an empty line between them; with terminal colours or plain.
    pub fn render(&self, colour: bool) -> String {
        let messages: Vec<String> = self.0.iter().map(|error| error.render(colour)).collect();
        messages.join("\n\n")
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigErrors {}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}
