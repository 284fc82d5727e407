//! The error type for `?`, and the formatting of an error chain as one line.
//!
//! This module must not know checks: `plugin` turns the line into an outcome.

use std::error::Error as StdError;
use std::fmt;

/// The result of a check's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error, with its causes.
///
/// `?` converts every [`std::error::Error`]. [`Context`] adds what was tried. `{}` shows the
/// outermost text, `{:#}` the whole chain joined by `: `.
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// fn port(text: &str) -> Result<u16> {
///     text.parse().with_context(|| format!("cannot read port `{text}`"))
/// }
///
/// let error = port("http").unwrap_err();
/// assert_eq!(format!("{error:#}"), "cannot read port `http`: invalid digit found in string");
/// ```
pub struct Error(Box<dyn StdError + Send + Sync>);

impl Error {
    /// Makes an error with this text.
    pub fn new(text: impl fmt::Display) -> Self {
        Self(Box::new(Text {
            text: text.to_string(),
            source: None,
        }))
    }

    /// Makes this error the cause of `text`.
    #[must_use]
    pub fn context(self, text: impl fmt::Display) -> Self {
        Self(Box::new(Text {
            text: text.to_string(),
            source: Some(self.0),
        }))
    }

    /// Returns the error and its causes, the outermost first.
    pub fn chain(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        let outermost: &(dyn StdError + 'static) = &*self.0;
        std::iter::successors(Some(outermost), |&error| error.source())
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            f.write_str(&chain_text(&*self.0))
        } else {
            self.0.fmt(f)
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain_text(&*self.0))
    }
}

/// Adds what was tried to an error.
pub trait Context<T> {
    /// Puts `text` in front of the error.
    fn context(self, text: impl fmt::Display) -> Result<T>;

    /// Puts the result of `text` in front of the error; `text` is called only on an error.
    fn with_context<D: fmt::Display>(self, text: impl FnOnce() -> D) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, text: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().context(text))
    }

    fn with_context<D: fmt::Display>(self, text: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| error.into().context(text()))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, text: impl fmt::Display) -> Result<T> {
        self.ok_or_else(|| Error::new(text))
    }

    fn with_context<D: fmt::Display>(self, text: impl FnOnce() -> D) -> Result<T> {
        self.ok_or_else(|| Error::new(text()))
    }
}

/// Formats an error that implements [`std::error::Error`]: its text and its causes.
///
/// Autoref selects between this and [`ViaDisplay`]: where both fit, the compiler takes the one that
/// needs no further reference, so an error that implements both shows its causes.
#[doc(hidden)]
pub trait ViaError {
    fn line(&self) -> String;
}

impl<E: StdError + 'static> ViaError for E {
    fn line(&self) -> String {
        chain_text(self)
    }
}

/// Formats an error that implements only `Display`: a `String`, or `anyhow::Error` and similar
/// types, whose alternate form is the chain.
#[doc(hidden)]
pub trait ViaDisplay {
    fn line(&self) -> String;
}

impl<E: fmt::Display> ViaDisplay for &E {
    fn line(&self) -> String {
        format!("{self:#}")
    }
}

/// Joins the texts of an error and its causes by `: `. A cause that its parent's text already
/// contains is left out: many errors include their source in their own text.
fn chain_text(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut shown = text.clone();
    for cause in std::iter::successors(error.source(), |&error| error.source()) {
        let next = cause.to_string();
        if next.is_empty() || shown.contains(&next) {
            continue;
        }
        text.push_str(": ");
        text.push_str(&next);
        shown = next;
    }
    text
}

#[derive(Debug)]
struct Text {
    text: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Text {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the ledger: {0}")]
    struct Repeats(#[source] std::num::ParseIntError);

    fn parse_error() -> std::num::ParseIntError {
        "x".parse::<u8>().unwrap_err()
    }

    #[test]
    fn a_chain_reads_as_one_line() {
        let error = Error::from(parse_error())
            .context("cannot read the port")
            .context("bad settings");
        assert_eq!(error.to_string(), "bad settings");
        assert_eq!(
            format!("{error:#}"),
            "bad settings: cannot read the port: invalid digit found in string"
        );
        assert_eq!(error.chain().count(), 3);
    }

    #[test]
    fn a_cause_in_its_parents_text_is_not_repeated() {
        let error = Error::from(Repeats(parse_error()));
        assert_eq!(
            format!("{error:#}"),
            "cannot open the ledger: invalid digit found in string"
        );
    }

    #[test]
    fn errors_of_every_kind_have_a_line() {
        let std_error = Repeats(parse_error());
        assert!(std_error.line().starts_with("cannot open the ledger"));
        assert_eq!((&String::from("just text")).line(), "just text");
        let own = Error::new("inner").context("outer");
        assert_eq!((&own).line(), "outer: inner");
    }

    #[test]
    fn none_with_context_is_an_error() {
        assert_eq!(
            None::<u8>.context("no port").unwrap_err().to_string(),
            "no port"
        );
    }
}
