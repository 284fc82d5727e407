//! Secrets: the texts that must not leave the host, and their redaction from other texts.
//!
//! This module does not know where secrets come from or who reads the redacted texts.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use self::forms::forms;
use self::index::{Index, SHORTEST};
use super::text::Text;

mod forms;
mod index;

/// A set of secrets, which redacts them from texts: every verbatim copy of a secret of at least 6 bytes
/// becomes `[redacted]`. Shorter secrets are ignored, because they would match parts of ordinary texts.
///
/// A text is sanitized first, then searched, then cut. So characters that are removed can't hide a secret,
/// and a cut can't leave a part of one. The secrets themselves are sanitized in the same way. The parts of
/// a secret with several lines that are secret by themselves are redacted too.
///
/// Without secrets, redaction costs nothing. Otherwise it takes at most one lookup for each byte of the
/// text, and comparisons with the secrets that have the same beginning. A clone is cheap, and so is
/// adding secrets: the secrets of the configuration are in memory once, even if many checks add their own.
/// `Debug` shows only the number of secrets.
#[derive(Clone, Default)]
pub struct Secrets {
    shared: Arc<Index>,
    /// The secrets that [`Secrets::with`] added. None of them is among the shared ones.
    own: Arc<Index>,
    /// The secrets of the previous configuration, which texts may still contain.
    retired: Arc<Index>,
}

impl Secrets {
    /// Makes a set of the texts that are long enough to be secrets.
    pub fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self {
            shared: Arc::new(Index::new(texts)),
            ..Self::default()
        }
    }

    /// Returns this set with `texts` added. The shared secrets, given to [`Secrets::new`], are not copied.
    #[must_use]
    pub fn with<T: AsRef<str>>(&self, texts: impl IntoIterator<Item = T>) -> Self {
        let mut own = Arc::clone(&self.own);
        for text in texts.into_iter().flat_map(|text| forms(text.as_ref())) {
            if text.len() >= SHORTEST && !self.shared.contains(&text) && !own.contains(&text) {
                Arc::make_mut(&mut own).insert(&text);
            }
        }
        Self {
            own,
            ..self.clone()
        }
    }

    /// Returns the secrets that were added to this set, on top of the shared secrets of another
    /// configuration.
    #[must_use]
    pub fn layered_on(&self, shared: &Self) -> Self {
        Self {
            own: Arc::clone(&self.own),
            ..shared.clone()
        }
    }

    /// Returns this set with the shared secrets of the configuration that it replaces, and with texts that
    /// are `still_used` although the configuration no longer contains them.
    #[must_use]
    pub fn replacing<'t>(
        &self,
        replaced: &'t Self,
        still_used: impl IntoIterator<Item = &'t str>,
    ) -> Self {
        let retired = if self.is_equivalent(replaced) {
            Arc::clone(&replaced.retired)
        } else {
            let retired = replaced.shared.texts().into_iter().chain(still_used);
            Arc::new(Index::new(retired))
        };
        Self {
            retired,
            ..self.clone()
        }
    }

    /// Returns this set with the shared secrets of `others` added.
    #[must_use]
    pub fn with_shared_of(&self, others: &Self) -> Self {
        self.with(others.shared.texts())
    }

    /// Whether both sets have the same shared secrets. Added secrets are not compared.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.shared.texts() == other.shared.texts()
    }

    /// Whether there are no secrets.
    pub fn is_empty(&self) -> bool {
        self.indexes().iter().all(|index| index.is_empty())
    }

    /// The length of the longest sanitized secret in bytes.
    pub fn longest(&self) -> usize {
        let lengths = self.indexes().map(|index| index.longest);
        lengths.into_iter().max().unwrap_or_default()
    }

    fn indexes(&self) -> [&Index; 3] {
        [&self.shared, &self.own, &self.retired]
    }

    /// Returns `raw` as one sanitized line of at most `max_bytes` bytes without secrets. Overlapping copies
    /// are redacted together.
    pub fn line(&self, raw: &str, max_bytes: usize) -> Text {
        self.bounded(raw, max_bytes).0
    }

    /// Like [`Secrets::line`], and also returns whether the text was cut.
    pub fn bounded(&self, raw: &str, max_bytes: usize) -> (Text, bool) {
        if self.is_empty() {
            return Text::bounded(raw, max_bytes);
        }
        let searched = raw.floor_char_boundary(SEARCHED_BYTES);
        let is_cut = searched < raw.len();
        let clean = Text::line(&raw[..searched], searched);
        let clean = clean.as_str();
        // The searched part may end within a secret.
        let uncertain = if is_cut { self.longest() } else { 0 };
        let shown = clean.floor_char_boundary(clean.len().saturating_sub(uncertain));
        let line = redacted(clean, &self.matches(clean), 0..shown);
        let (line, cut) = Text::bounded(&line, max_bytes);
        (line, cut || is_cut)
    }

    /// Returns the sanitized lines of the last `max_bytes` bytes of `raw`, each cut to `line_bytes`. Secrets
    /// with several lines are found too. If `raw` is the end of a longer text (`is_end`), its beginning is
    /// left out as far as it can be part of a secret.
    pub fn lines(&self, raw: &str, is_end: bool, max_bytes: usize, line_bytes: usize) -> Vec<Text> {
        let (clean, starts) = Text::joined(raw);
        let clean = clean.as_str();
        let matches = self.matches(clean);
        let uncertain = if is_end { self.longest() } else { 0 };
        let from = clean.len().saturating_sub(max_bytes).max(uncertain);
        let from = clean.ceil_char_boundary(from);
        let ends = starts.iter().skip(1).copied().chain([clean.len()]);
        let parts = starts.iter().zip(ends).map(|(&start, end)| start..end);
        let parts = parts.filter(|part| part.start >= from || part.end > from);
        let shown = parts.filter_map(|part| {
            let part = part.start.max(from)..part.end;
            let line = redacted(clean, &matches, part.clone());
            // A line that lies within a secret is left out.
            let is_left = clean[part].trim().is_empty() || !line.trim().is_empty();
            is_left.then_some(line)
        });
        let mut lines: Vec<_> = shown
            .map(|line| Text::line(line.trim_end(), line_bytes))
            .collect();
        // `[redacted]` can be longer than the secret.
        let mut bytes = 0;
        let sizes = lines.iter().rev().map(|line| {
            bytes += line.as_str().len();
            bytes
        });
        let fitting = sizes.take_while(|&bytes| bytes <= max_bytes).count();
        lines.drain(..lines.len() - fitting);
        lines
    }

    /// Whether a secret occurs in a sanitized text.
    pub fn occur_in(&self, clean: &str) -> bool {
        !self.is_empty() && !self.matches(clean).is_empty()
    }

    /// The ranges of a sanitized text that contain secrets, ordered and without overlaps.
    fn matches(&self, clean: &str) -> Vec<Range<usize>> {
        let mut matches: Vec<Range<usize>> = Vec::new();
        if self.is_empty() {
            return matches;
        }
        for (at, window) in clean.as_bytes().windows(SHORTEST).enumerate() {
            let Some(length) = self.longest_at(window, &clean.as_bytes()[at..]) else {
                continue;
            };
            match matches.last_mut() {
                Some(last) if at < last.end => last.end = last.end.max(at + length),
                _ => matches.push(at..at + length),
            }
        }
        matches
    }

    /// The length of the longest secret at the beginning of `rest`.
    fn longest_at(&self, window: &[u8], rest: &[u8]) -> Option<usize> {
        let lengths = self.indexes().map(|index| index.longest_at(window, rest));
        lengths.into_iter().max().flatten()
    }
}

/// Redacts the matches in a part of a sanitized text. A match that begins before the part leaves no
/// `[redacted]` in it.
fn redacted(clean: &str, matches: &[Range<usize>], part: Range<usize>) -> String {
    let mut line = String::with_capacity(part.len());
    let mut at = part.start;
    let first = matches.partition_point(|secret| secret.end <= part.start);
    for secret in &matches[first..] {
        if secret.start >= part.end {
            break;
        }
        if secret.start >= part.start {
            line.push_str(&clean[at..secret.start]);
            line.push_str(REDACTED);
        }
        at = secret.end;
    }
    if at < part.end {
        line.push_str(&clean[at..part.end]);
    }
    line
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count: usize = self.indexes().map(Index::len).iter().sum();
        write!(f, "Secrets({count})")
    }
}

const REDACTED: &str = "[redacted]";
/// The number of bytes of a text that are searched. The rest is left out.
const SEARCHED_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(secrets: &Secrets, raw: &str) -> String {
        secrets.line(raw, 1000).into()
    }

    #[test]
    fn of_several_matching_secrets_the_longest_is_redacted() {
        let secrets = Secrets::new(["hunter2", "hunter2-long", "höchst geheim"]);
        for (raw, expected) in [
            ("pw=hunter2-long!", "pw=[redacted]!"),
            ("hunter2 hunter2", "[redacted] [redacted]"),
            ("ganz höchst geheim, äh", "ganz [redacted], äh"),
            ("hunter", "hunter"),
        ] {
            assert_eq!(shown(&secrets, raw), expected);
        }
    }

    #[test]
    fn overlapping_copies_are_redacted_together() {
        let secrets = Secrets::new(["abcdef", "defghijkl", "aaaaaa"]);
        assert_eq!(shown(&secrets, "xabcdefghijklx"), "x[redacted]x");
        assert_eq!(shown(&secrets, "aaaaaaaaa"), "[redacted]");
    }

    #[test]
    fn removed_characters_hide_no_secret() {
        let secrets = Secrets::new([
            "hunter2-secret",
            "with a\ttab",
            "\u{feff}with\u{200b} marks\n",
        ]);
        for hidden in [
            "\u{200b}",
            "\u{ad}",
            "\u{202e}",
            "\u{2066}",
            "\u{2060}",
            "\u{feff}",
            "\u{e0041}",
            "\u{fe0f}",
        ] {
            let raw = format!("<hunter2{hidden}-sec{hidden}{hidden}ret>");
            assert_eq!(shown(&secrets, &raw), "<[redacted]>", "{hidden:?}");
        }
        for raw in ["<with a\ttab>", "<with a tab>", "<with a\r\n\u{200b}tab>"] {
            assert_eq!(shown(&secrets, raw), "<[redacted]>", "{raw:?}");
        }
        for raw in ["<\u{feff}with\u{200b} marks\n>", "<with mar\u{ad}ks>"] {
            assert!(shown(&secrets, raw).starts_with("<[redacted]"), "{raw:?}");
        }
    }

    #[test]
    fn a_cut_leaves_no_part_of_a_secret() {
        let secret = "\u{200b}the quick brown fox";
        let secrets = Secrets::new([secret]);
        let is_piece = |end: &str| end.len() > 2 && secret.contains(end);
        for before in 0..120 {
            let raw = format!("{}{secret}{}", ".".repeat(before), "x".repeat(100));
            let shown = String::from(secrets.line(&raw, 100));
            assert!(!is_piece(shown.trim_matches(['.', '…', 'x'])), "{shown}");
        }
        for before in SEARCHED_BYTES - 40..SEARCHED_BYTES + 2 {
            let raw = format!("{}{secret}{}", ".".repeat(before), "x".repeat(100));
            let (shown, is_cut) = secrets.bounded(&raw, raw.len());
            let shown = shown.as_str().trim_matches(['.', 'x']);
            assert!(is_cut && !is_piece(shown), "{before}: {shown}");
        }
    }

    #[test]
    fn a_secret_with_several_lines_is_redacted_whole_and_line_by_line() {
        let secret = "first line\n  second\u{200b} line\n}\n";
        let secrets = Secrets::new([secret]);
        assert_eq!(shown(&secrets, &format!("<{secret}>")), "<[redacted] >");
        assert_eq!(shown(&secrets, "  second line\n}"), "  [redacted] }");
        let lines = |raw: &str| secrets.lines(raw, false, 1000, 1000);
        let as_text = |lines: Vec<Text>| lines.into_iter().map(String::from).collect::<Vec<_>>();
        assert_eq!(
            as_text(lines(&format!("a\n\n<{secret}>\r\nb\n"))),
            ["a", "", "<[redacted]", ">", "b"]
        );
        assert_eq!(
            as_text(lines("a\nsecond line\nb")),
            ["a", "[redacted]", "b"]
        );
        assert_eq!(
            as_text(secrets.lines("0123456789\nabc", false, 5, 1000)),
            ["9", "abc"]
        );
    }

    #[test]
    fn short_texts_are_ignored() {
        let secrets = Secrets::new(["short", "\u{200b}sho\u{200b}rt"]);
        assert!(secrets.is_empty());
        assert_eq!(shown(&secrets, "short"), "short");
    }

    #[test]
    fn adding_secrets_leaves_the_original_set_unchanged() {
        let few = Secrets::new(["first-secret"]);
        let more = few.with(["second-secret", "first-secret"]);
        assert_eq!(shown(&few, "second-secret"), "second-secret");
        assert_eq!(
            shown(&more, "first-secret second-secret"),
            "[redacted] [redacted]"
        );
        assert_eq!(format!("{more:?}"), "Secrets(2)");
    }

    #[test]
    fn shared_secrets_are_in_memory_once() {
        let file = Secrets::new(["first-secret", "second-secret"]);
        let same = file.with(["second-secret", "short"]);
        assert!(Arc::ptr_eq(&same.shared, &file.shared) && Arc::ptr_eq(&same.own, &file.own));

        let more = file.with(["third-secret", "first-secret"]);
        assert!(Arc::ptr_eq(&more.shared, &file.shared));
        assert_eq!(more.own.len(), 1);
        let most = more.with(["fourth-secret"]);
        assert_eq!(
            shown(
                &most,
                "first-secret second-secret third-secret fourth-secret"
            ),
            "[redacted] [redacted] [redacted] [redacted]"
        );
        assert_eq!(format!("{most:?} {more:?}"), "Secrets(4) Secrets(3)");
    }

    proptest! {
        #[test]
        fn no_secret_survives(
            secrets in prop::collection::vec("[ab\u{200b}\n]{6,9}", 1..4),
            text in "[abc\u{200b}\u{ad}\n]{0,60}",
            max in 0_usize..40,
        ) {
            let all = Secrets::new(&secrets[..1]).with(&secrets[1..]);
            let line = all.line(&text, max);
            let lines = all.lines(&text, false, 1000, max);
            for shown in lines.iter().chain([&line]) {
                prop_assert!(shown.as_str().len() <= max);
                let shown = shown.as_str().replace(REDACTED, "|");
                for secret in &secrets {
                    let secret = Text::line(secret, secret.len());
                    let secret = secret.as_str().trim();
                    prop_assert!(secret.len() < SHORTEST || !shown.contains(secret));
                }
            }
        }
    }
}
