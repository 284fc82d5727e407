//! The texts that must not leave the host, and how they are taken out of others.
//!
//! Knows nothing of where secrets come from or where texts go.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use self::forms::forms;
use super::text::Text;

mod forms;

/// Makes lines of texts that may have secrets in them: every verbatim copy of a secret of 6 bytes or
/// more becomes `[redacted]`. Shorter ones are no secrets, and every text would be full of them.
///
/// A text is cleaned first, then searched, then cut, in this order: what cleaning drops can't hide a
/// secret, and no cut leaves a piece of one. The secrets themselves are cleaned in the same way.
/// Of a secret with several lines the pieces that are secret by themselves become `[redacted]` too.
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
    /// Those of the configuration before, which texts may still have.
    retired: Arc<Index>,
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
        Self {
            shared: Arc::new(Index::new(texts)),
            ..Self::default()
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
            own,
            ..self.clone()
        }
    }

    /// What was added to these, added to those of another configuration.
    #[must_use]
    pub fn layered_on(&self, shared: &Self) -> Self {
        Self {
            own: Arc::clone(&self.own),
            ..shared.clone()
        }
    }

    /// These secrets, the shared ones of the configuration that they replace, and those that are
    /// `still_used` although they are no more in it.
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

    /// These secrets and the shared ones of `others` besides.
    #[must_use]
    pub fn with_shared_of(&self, others: &Self) -> Self {
        self.with(others.shared.texts())
    }

    /// Whether they were made of the same texts. What was added later is not looked at.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.shared.texts() == other.shared.texts()
    }

    /// Whether there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.parts().iter().all(|part| part.by_start.is_empty())
    }

    /// The length of the longest secret in bytes, as the configuration has it or cleaned.
    pub fn longest(&self) -> usize {
        let lengths = self.parts().map(|part| part.longest);
        lengths.into_iter().max().unwrap_or_default()
    }

    fn parts(&self) -> [&Index; 3] {
        [&self.shared, &self.own, &self.retired]
    }

    /// What may be shown of `raw`: one clean line of at most `max_bytes` bytes without secrets. Where
    /// copies overlap, all that any of them covers goes.
    pub fn line(&self, raw: &str, max_bytes: usize) -> Text {
        self.bounded(raw, max_bytes).0
    }

    /// Like [`Secrets::line`], and says whether something was cut off.
    pub fn bounded(&self, raw: &str, max_bytes: usize) -> (Text, bool) {
        if self.is_empty() {
            return Text::bounded(raw, max_bytes);
        }
        let searched = raw.floor_char_boundary(SEARCHED_BYTES);
        let is_cut = searched < raw.len();
        let clean = Text::line(&raw[..searched], searched);
        let clean = clean.as_str();
        // At the end of what is searched there may be a piece of a secret.
        let unsure = if is_cut { self.longest() } else { 0 };
        let shown = clean.floor_char_boundary(clean.len().saturating_sub(unsure));
        let line = without(clean, &self.covered(clean), 0..shown);
        let (line, cut) = Text::bounded(&line, max_bytes);
        (line, cut || is_cut)
    }

    /// The lines of `raw`, of which the last `max_bytes` bytes are shown, and of each line at most
    /// `line_bytes`. A secret of many lines is found, too. Where `raw` is the end of a longer text,
    /// as much of its beginning is left out as can be a piece of a secret.
    pub fn lines(&self, raw: &str, is_end: bool, max_bytes: usize, line_bytes: usize) -> Vec<Text> {
        let (clean, starts) = Text::joined(raw);
        let clean = clean.as_str();
        let covered = self.covered(clean);
        let unsure = if is_end { self.longest() } else { 0 };
        let from = clean.len().saturating_sub(max_bytes).max(unsure);
        let from = clean.ceil_char_boundary(from);
        let ends = starts.iter().skip(1).copied().chain([clean.len()]);
        let parts = starts.iter().zip(ends).map(|(&start, end)| start..end);
        let parts = parts.filter(|part| part.start >= from || part.end > from);
        let shown = parts.filter_map(|part| {
            let part = part.start.max(from)..part.end;
            let line = without(clean, &covered, part.clone());
            // Nothing is left of a line in the middle of a secret.
            let is_left = clean[part].trim().is_empty() || !line.trim().is_empty();
            is_left.then_some(line)
        });
        let mut lines: Vec<_> = shown
            .map(|line| Text::line(line.trim_end(), line_bytes))
            .collect();
        // Marks can be longer than what they stand for.
        let mut bytes = 0;
        let sizes = lines.iter().rev().map(|line| {
            bytes += line.as_str().len();
            bytes
        });
        let fitting = sizes.take_while(|&bytes| bytes <= max_bytes).count();
        lines.drain(..lines.len() - fitting);
        lines
    }

    /// Whether a text that is clean has a secret in it.
    pub fn occur_in(&self, clean: &str) -> bool {
        !self.is_empty() && !self.covered(clean).is_empty()
    }

    /// What copies of secrets cover of a clean text, in order, none overlapping the next.
    fn covered(&self, clean: &str) -> Vec<Range<usize>> {
        let mut covered: Vec<Range<usize>> = Vec::new();
        if self.is_empty() {
            return covered;
        }
        for (at, window) in clean.as_bytes().windows(SHORTEST).enumerate() {
            let Some(length) = self.longest_at(window, &clean.as_bytes()[at..]) else {
                continue;
            };
            match covered.last_mut() {
                Some(last) if at < last.end => last.end = last.end.max(at + length),
                _ => covered.push(at..at + length),
            }
        }
        covered
    }

    /// The length of the longest secret with which `rest` starts.
    fn longest_at(&self, window: &[u8], rest: &[u8]) -> Option<usize> {
        let lengths = self.parts().map(|part| part.longest_at(window, rest));
        lengths.into_iter().max().flatten()
    }
}

impl Index {
    fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut index = Self::default();
        for text in texts.into_iter().flat_map(|text| forms(text.as_ref())) {
            if !index.contains(&text) {
                index.insert(&text);
            }
        }
        index
    }

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

/// A part of a clean text without what is covered; what begins before the part leaves no mark in it.
fn without(clean: &str, covered: &[Range<usize>], part: Range<usize>) -> String {
    let mut line = String::with_capacity(part.len());
    let mut at = part.start;
    let first = covered.partition_point(|secret| secret.end <= part.start);
    for secret in &covered[first..] {
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
        let count: usize = self.parts().map(Index::len).iter().sum();
        write!(f, "Secrets({count})")
    }
}

/// What stands where a secret was.
const REDACTED: &str = "[redacted]";
const SHORTEST: usize = 6;
/// How much of one text is searched; what comes after it is not shown.
const SEARCHED_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(secrets: &Secrets, raw: &str) -> String {
        secrets.line(raw, 1000).into()
    }

    #[test]
    fn copies_of_secrets_go_the_longest_first() {
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
    fn overlapping_copies_leave_no_rest() {
        let secrets = Secrets::new(["abcdef", "defghijkl", "aaaaaa"]);
        assert_eq!(shown(&secrets, "xabcdefghijklx"), "x[redacted]x");
        assert_eq!(shown(&secrets, "aaaaaaaaa"), "[redacted]");
    }

    #[test]
    fn what_cleaning_drops_hides_no_secret() {
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
    fn a_cut_leaves_no_piece_of_a_secret() {
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
    fn a_secret_of_many_lines_is_found_whole_and_line_by_line() {
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
    fn what_is_too_short_is_no_secret() {
        let secrets = Secrets::new(["short", "\u{200b}sho\u{200b}rt"]);
        assert!(secrets.is_empty());
        assert_eq!(shown(&secrets, "short"), "short");
    }

    #[test]
    fn more_secrets_leave_the_first_set_alone() {
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
    fn the_secrets_of_the_file_are_in_memory_once() {
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
