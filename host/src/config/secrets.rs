//! The texts that must not leave the host, and how they are taken out of others.
//!
//! Knows nothing of where secrets come from or where texts go.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::check::Text;

/// Takes secrets out of texts: every verbatim copy of a secret of 6 bytes or more becomes
/// `[redacted]`. Shorter ones are no secrets, and every text would be full of them.
///
/// Costs nothing while there are no secrets; else at most one look-up for each byte of the text, and
/// comparisons with the secrets that begin as the text does there. Cheap to clone, and cheap to
/// add to: those of the file are in memory once, however many checks have some of their own.
/// `Debug` shows their number only.
#[derive(Clone, Default)]
pub struct Secrets {
    shared: Arc<Index>,
    /// What [`Secrets::with`] added; none of it is among the shared ones.
    own: Arc<Index>,
}

/// The secrets by their beginnings.
#[derive(Clone, Default)]
struct Index {
    by_start: HashMap<[u8; SHORTEST], Vec<SecretString>>,
    /// The bytes with which secrets begin, as a set of bits: most places of a text are passed over
    /// by this alone.
    first_bytes: [u64; 4],
    /// The length of the longest one.
    longest: usize,
}

impl Secrets {
    /// The secrets among `texts`: those that are long enough.
    pub fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut shared = Index::default();
        for text in texts.into_iter().flat_map(|text| forms(text.as_ref())) {
            if !shared.contains(&text) {
                shared.insert(&text);
            }
        }
        Self {
            shared: Arc::new(shared),
            own: Arc::default(),
        }
    }

    /// These secrets and `texts` besides. Copies what was added before, never what [`Secrets::new`]
    /// was given.
    #[must_use]
    pub fn with<T: AsRef<str>>(&self, texts: impl IntoIterator<Item = T>) -> Self {
        let mut own = Arc::clone(&self.own);
        for text in texts.into_iter().flat_map(|text| forms(text.as_ref())) {
            if text.len() >= SHORTEST && !self.shared.contains(&text) && !own.contains(&text) {
                Arc::make_mut(&mut own).insert(&text);
            }
        }
        Self {
            shared: Arc::clone(&self.shared),
            own,
        }
    }

    /// What was added to these, added to those of another configuration.
    #[must_use]
    pub fn under(&self, shared: &Self) -> Self {
        Self {
            shared: Arc::clone(&shared.shared),
            own: Arc::clone(&self.own),
        }
    }

    /// These secrets and the shared ones of `others` besides.
    #[must_use]
    pub(crate) fn and(&self, others: &Self) -> Self {
        self.with(others.shared.texts())
    }

    /// Whether they were made of the same texts. What was added later is not looked at.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.shared.texts() == other.shared.texts()
    }

    /// Whether there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.shared.by_start.is_empty() && self.own.by_start.is_empty()
    }

    /// The length of the longest secret in bytes. Of a text that was cut, so much at the cut can be
    /// a piece of one, which is found by nobody.
    pub(crate) fn longest(&self) -> usize {
        self.shared.longest.max(self.own.longest)
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
        let shared = self.shared.longest_at(window, rest);
        shared.max(self.own.longest_at(window, rest))
    }
}

impl Index {
    fn texts(&self) -> BTreeSet<&str> {
        let texts = self.by_start.values().flatten();
        texts.map(ExposeSecret::expose_secret).collect()
    }

    /// Adds a secret that is not there yet; one that is too short is left out.
    fn insert(&mut self, secret: &str) {
        if let Some(start) = secret.as_bytes().first_chunk() {
            self.first_bytes[usize::from(start[0] / 64)] |= 1 << (start[0] % 64);
            self.longest = self.longest.max(secret.len());
            let alike = self.by_start.entry(*start).or_default();
            alike.push(SecretString::from(secret));
        }
    }

    fn contains(&self, secret: &str) -> bool {
        let start = secret.as_bytes().first_chunk::<SHORTEST>();
        let alike = start.and_then(|start| self.by_start.get(start));
        alike.is_some_and(|alike| alike.iter().any(|known| known.expose_secret() == secret))
    }

    fn longest_at(&self, window: &[u8], rest: &[u8]) -> Option<usize> {
        if self.first_bytes[usize::from(window[0] / 64)] & (1 << (window[0] % 64)) == 0 {
            return None;
        }
        let here = self
            .by_start
            .get(window)?
            .iter()
            .map(ExposeSecret::expose_secret);
        here.filter(|secret| rest.starts_with(secret.as_bytes()))
            .map(str::len)
            .max()
    }

    fn len(&self) -> usize {
        self.by_start.values().map(Vec::len).sum()
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
        write!(f, "Secrets({})", self.shared.len() + self.own.len())
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

    #[test]
    fn the_secrets_of_the_file_are_in_memory_once() {
        let file = Secrets::new(["first-secret", "second-secret"]);
        let same = file.with(["second-secret", "short"]);
        assert!(Arc::ptr_eq(&same.shared, &file.shared) && Arc::ptr_eq(&same.own, &file.own));

        let more = file.with(["third-secret", "first-secret"]);
        assert!(Arc::ptr_eq(&more.shared, &file.shared));
        assert_eq!(more.own.len(), 1);
        let most = more.with(["fourth-secret"]);
        assert_eq!(
            most.redact("first-secret second-secret third-secret fourth-secret"),
            "[redacted] [redacted] [redacted] [redacted]"
        );
        assert_eq!(format!("{most:?} {more:?}"), "Secrets(4) Secrets(3)");
    }

    proptest! {
        #[test]
        fn no_secret_survives(
            secrets in prop::collection::vec("[ab]{6,9}", 1..4),
            text in "[abc]{0,60}",
        ) {
            let clean = Secrets::new(&secrets[..1]).with(&secrets[1..]).redact(&text).into_owned();
            for secret in &secrets {
                prop_assert!(!clean.replace(REDACTED, "|").contains(secret.as_str()));
            }
        }
    }
}
