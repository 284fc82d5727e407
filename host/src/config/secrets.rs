//! The texts that must not leave the host, and how they are taken out of others.
//!
//! Knows nothing of where secrets come from or where texts go.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::check::Text;

/// Takes secrets out of texts: every verbatim copy of a secret of 6 bytes or more becomes
/// `[redacted]`. Shorter ones are no secrets, and every text would be full of them.
///
/// Costs nothing while there are no secrets; else at most one look-up for each byte of the text, and
/// comparisons with the secrets that begin as the text does there. Cheap to clone; `Debug` shows
/// their number only.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Index>);

/// The secrets by their beginnings.
#[derive(Clone, Default)]
struct Index {
    by_start: HashMap<[u8; SHORTEST], Vec<SecretString>>,
    /// The bytes with which secrets begin, as a set of bits: most places of a text are passed over
    /// by this alone.
    first_bytes: [u64; 4],
}

impl Secrets {
    /// The secrets among `texts`: those that are long enough.
    pub fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::default().with(texts)
    }

    /// These secrets and `texts` besides.
    #[must_use]
    pub fn with<T: AsRef<str>>(&self, texts: impl IntoIterator<Item = T>) -> Self {
        let texts: Vec<String> = texts
            .into_iter()
            .flat_map(|text| forms(text.as_ref()))
            .collect();
        let mut known: HashSet<&str> = self.iter().collect();
        let mut index = Index::clone(&self.0);
        for text in texts
            .iter()
            .map(String::as_str)
            .filter(|text| known.insert(text))
        {
            if let Some(start) = text.as_bytes().first_chunk() {
                index.first_bytes[usize::from(start[0] / 64)] |= 1 << (start[0] % 64);
                let secrets = index.by_start.entry(*start).or_default();
                secrets.push(SecretString::from(text));
            }
        }
        Self(Arc::new(index))
    }

    /// Whether there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.0.by_start.is_empty()
    }

    /// `text` without secrets. Where copies overlap, all that any of them covers goes.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut clean = String::new();
        let mut kept_to = 0;
        let mut covered: Option<(usize, usize)> = None;
        for (at, window) in text.as_bytes().windows(SHORTEST).enumerate() {
            let Some(length) = self.longest_at(window, &text.as_bytes()[at..]) else {
                continue;
            };
            covered = match covered {
                Some((start, end)) if at < end => Some((start, end.max(at + length))),
                Some((start, end)) => {
                    clean.push_str(&text[kept_to..start]);
                    clean.push_str(REDACTED);
                    kept_to = end;
                    Some((at, at + length))
                }
                None => Some((at, at + length)),
            };
        }
        let Some((start, end)) = covered else {
            return Cow::Borrowed(text);
        };
        clean.push_str(&text[kept_to..start]);
        clean.push_str(REDACTED);
        clean.push_str(&text[end..]);
        Cow::Owned(clean)
    }

    /// The length of the longest secret with which `rest` starts.
    fn longest_at(&self, window: &[u8], rest: &[u8]) -> Option<usize> {
        let Index {
            by_start,
            first_bytes,
        } = &*self.0;
        if first_bytes[usize::from(window[0] / 64)] & (1 << (window[0] % 64)) == 0 {
            return None;
        }
        let here = by_start
            .get(window)?
            .iter()
            .map(ExposeSecret::expose_secret);
        here.filter(|secret| rest.starts_with(secret.as_bytes()))
            .map(str::len)
            .max()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.0
            .by_start
            .values()
            .flatten()
            .map(ExposeSecret::expose_secret)
    }
}

/// The forms in which a secret can be met: as it is, as one clean line, and each of its lines, which
/// standard output may show one by one.
fn forms(text: &str) -> Vec<String> {
    let one_line = String::from(Text::line(text, text.len()));
    let own = [text.to_owned(), one_line].into_iter();
    own.chain(text.lines().map(|line| line.trim().to_owned()))
        .collect()
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.iter().count())
    }
}

/// What stands where a secret was.
const REDACTED: &str = "[redacted]";
const SHORTEST: usize = 6;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn copies_of_secrets_go_the_longest_first() {
        let secrets = Secrets::new(["hunter2", "hunter2-long", "höchst geheim"]);
        assert_eq!(secrets.redact("pw=hunter2-long!"), "pw=[redacted]!");
        assert_eq!(secrets.redact("hunter2 hunter2"), "[redacted] [redacted]");
        assert_eq!(
            secrets.redact("ganz höchst geheim, äh"),
            "ganz [redacted], äh"
        );
        assert!(matches!(secrets.redact("hunter"), Cow::Borrowed("hunter")));
    }

    #[test]
    fn overlapping_copies_leave_no_rest() {
        let secrets = Secrets::new(["abcdef", "defghijkl", "aaaaaa"]);
        assert_eq!(secrets.redact("xabcdefghijklx"), "x[redacted]x");
        assert_eq!(secrets.redact("aaaaaaaaa"), "[redacted]");
    }

    #[test]
    fn a_secret_of_many_lines_is_found_whole_cleaned_and_line_by_line() {
        let secrets = Secrets::new(["first line\n  second line\n}\n"]);
        assert_eq!(
            secrets.redact("<first line\n  second line\n}\n>"),
            "<[redacted]>"
        );
        assert_eq!(
            secrets.redact("<first line   second line } >"),
            "<[redacted]>"
        );
        assert_eq!(secrets.redact("  second line\n}"), "  [redacted]\n}");
    }

    #[test]
    fn what_is_too_short_is_no_secret() {
        let secrets = Secrets::new(["short"]);
        assert!(secrets.is_empty());
        assert_eq!(secrets.redact("short"), "short");
    }

    #[test]
    fn more_secrets_leave_the_first_set_alone() {
        let few = Secrets::new(["first-secret"]);
        let more = few.with(["second-secret", "first-secret"]);
        assert_eq!(few.redact("second-secret"), "second-secret");
        assert_eq!(
            more.redact("first-secret second-secret"),
            "[redacted] [redacted]"
        );
        assert_eq!(format!("{more:?}"), "Secrets(2)");
    }

    proptest! {
        #[test]
        fn no_secret_survives(
            secrets in prop::collection::vec("[ab]{6,9}", 1..4),
            text in "[abc]{0,60}",
        ) {
            let clean = Secrets::new(&secrets).redact(&text).into_owned();
            for secret in &secrets {
                prop_assert!(!clean.replace(REDACTED, "|").contains(secret.as_str()));
            }
        }
    }
}
