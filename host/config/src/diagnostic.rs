//! What is wrong with a configuration, and where. Each diagnostic has a location, what was found
//! and what to write instead; all of them are reported at once.
//!
//! Knows nothing about the meaning of keys.

use std::cmp::Ordering;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a value of the configuration is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Location {
    /// In the configuration file.
    Line {
        /// The file, as it was named when it was read.
        file: Arc<Path>,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// The configuration file as a whole.
    File(Arc<Path>),
    /// In the environment variable of this name.
    Variable(String),
    /// In the command-line argument of this name.
    Argument(String),
    /// In the program that embeds the host, or a default.
    Program,
}

/// One thing that is wrong with a configuration.
///
/// Displayed as one line: `<location>: <message>: <remedy>`. Never contains a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Where it is.
    pub location: Location,
    /// The key, dotted from the top of the file: `checks.orders-db.interval`. Empty if the
    /// diagnostic is about the file as a whole.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead. Empty if the message says it.
    pub remedy: String,
}

/// Everything that is wrong with a configuration or a part of it, in the order of the file. Never
/// empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostic {
    /// Reports a variable of the environment whose value is wrong.
    pub fn of_variable(name: &str, message: String, remedy: &str) -> Self {
        Self {
            location: Location::Variable(name.to_owned()),
            key: String::new(),
            message,
            remedy: remedy.to_owned(),
        }
    }
}

impl Diagnostics {
    /// Sorts what was found. Returns none if nothing was found.
    pub fn new(mut found: Vec<Diagnostic>) -> Option<Self> {
        found.sort_by(|one, other| one.location.cmp(&other.location));
        (!found.is_empty()).then_some(Self(found))
    }

    /// Iterates over the diagnostics, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(only: Diagnostic) -> Self {
        Self(vec![only])
    }
}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::slice::Iter<'d, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.message)?;
        if self.remedy.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.remedy)
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line, .. } => write!(f, "{}:{line}", file.display()),
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Argument(name) => f.write_str(name),
            Self::Program => f.write_str("configuration"),
        }
    }
}

/// Returns the candidate that someone who wrote `given` most likely meant.
pub(super) fn nearest<'c>(given: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let given = given.to_lowercase();
    let near = |candidate: &&str| strsim::jaro_winkler(&given, candidate);
    candidates
        .iter()
        .map(|candidate| (near(candidate), *candidate))
        .filter(|(likeness, _)| *likeness > MIN_SIMILARITY)
        .max_by(|(one, _), (other, _)| one.partial_cmp(other).unwrap_or(Ordering::Equal))
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` and `c` ``
pub(super) fn quoted_list(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => "none".to_owned(),
    }
}

/// The Jaro-Winkler similarity above which a suggestion helps more than it confuses.
const MIN_SIMILARITY: f64 = 0.84;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, message: &str) -> Diagnostic {
        let file = Arc::from(Path::new("vitals.toml"));
        Diagnostic {
            location: Location::Line {
                file,
                line,
                column: 1,
            },
            key: "a.b".into(),
            message: message.into(),
            remedy: String::new(),
        }
    }

    #[test]
    fn diagnostics_are_displayed_in_the_order_of_the_file() {
        let variable = Diagnostic {
            location: Location::Variable("VITALS_LISTEN".into()),
            remedy: "mend it".into(),
            ..at(0, "third")
        };
        let all = Diagnostics::new(vec![variable, at(9, "second"), at(2, "first")]);
        assert_eq!(
            all.expect("three").to_string(),
            "vitals.toml:2: first\nvitals.toml:9: second\nenvironment variable VITALS_LISTEN: \
             third: mend it"
        );
        assert!(Diagnostics::new(Vec::new()).is_none());
    }

    #[test]
    fn only_similar_candidates_are_suggested() {
        let keys = ["interval", "timeout", "retry_interval", "rise"];
        assert_eq!(nearest("intervall", &keys), Some("interval"));
        assert_eq!(nearest("Timeout", &keys), Some("timeout"));
        assert_eq!(nearest("timout", &keys), Some("timeout"));
        assert_eq!(nearest("password", &keys), None);
        assert_eq!(nearest("", &keys), None);
    }

    #[test]
    fn a_list_ends_with_and() {
        assert_eq!(quoted_list(&["a"]), "`a`");
        assert_eq!(quoted_list(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
