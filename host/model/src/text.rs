//! Sanitized text: every text of a guest passes through this module before anyone sees it.
//!
//! This module does not know secrets. `secrets` redacts them between cleaning and cutting.

use std::fmt::{self, Write as _};
use std::path::Path;

use serde::Serialize;

/// One line of bounded text without control characters, bidi marks or line breaks. It is safe in a
/// response, a log line, a label and a terminal.
///
/// A sequence of line breaks and control characters becomes one space, so that two lines do not read as one
/// word. A text that is cut ends with `…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Sanitizes `raw` and cuts it to at most `max_bytes` bytes of UTF-8.
    pub fn line(raw: &str, max_bytes: usize) -> Self {
        Self::bounded(raw, max_bytes).0
    }

    /// Like [`Text::line`], and also returns whether the text was cut.
    pub fn bounded(raw: &str, max_bytes: usize) -> (Self, bool) {
        if raw.len() <= max_bytes && raw.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return (Self(raw.to_owned()), false);
        }
        let mut line = LineBuilder::new(max_bytes);
        // An error means that the line is full, which the builder records.
        let _ = line.write_str(raw);
        line.finish()
    }

    /// Formats a value, sanitizes it and cuts it. The formatter is stopped at the bound, so that the cost
    /// does not depend on the length of the full text.
    pub fn display(value: impl fmt::Display, max_bytes: usize) -> Self {
        let mut line = LineBuilder::new(max_bytes);
        let _ = write!(line, "{value}");
        line.finish().0
    }

    /// Joins all lines of `raw` into one sanitized line without cutting it. Also returns the offset at which
    /// each line begins.
    pub fn joined(raw: &str) -> (Self, Vec<usize>) {
        let mut line = LineBuilder::new(raw.len());
        let mut starts = Vec::new();
        for part in raw.split_inclusive('\n') {
            starts.push(line.clean.len());
            let _ = line.write_str(part);
        }
        (line.finish().0, starts)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Sanitizes a path for a log line.
pub fn shown_path(path: &Path) -> Text {
    Text::display(path.display(), PATH_BYTES)
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

/// Builds a sanitized line. It returns an error for text beyond its bound.
struct LineBuilder {
    clean: String,
    max_bytes: usize,
    is_cut: bool,
}

impl LineBuilder {
    fn new(max_bytes: usize) -> Self {
        Self {
            clean: String::new(),
            max_bytes,
            is_cut: false,
        }
    }

    fn finish(self) -> (Text, bool) {
        if self.is_cut {
            (Text(cut(self.clean, self.max_bytes)), true)
        } else {
            (Text(self.clean), false)
        }
    }
}

impl fmt::Write for LineBuilder {
    fn write_str(&mut self, raw: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        self.clean
            .reserve(raw.len().min(self.max_bytes - self.clean.len()));
        for character in raw.chars().filter(|&character| !is_invisible(character)) {
            let breaks = character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
            let shown = if breaks { ' ' } else { character };
            if breaks && self.clean.ends_with(' ') {
                continue;
            }
            if self.clean.len() + shown.len_utf8() > self.max_bytes {
                self.is_cut = true;
                return Err(fmt::Error);
            }
            self.clean.push(shown);
        }
        Ok(())
    }
}

/// Whether a character is invisible, or changes how the text around it is displayed.
///
/// These are the characters with the property `Default_Ignorable_Code_Point` (Unicode 17,
/// `DerivedCoreProperties.txt`: bidi controls, zero-width characters, soft hyphen, fillers, variation
/// selectors, tags) and the marks of interlinear annotations.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

fn cut(mut clean: String, max_bytes: usize) -> String {
    const ELLIPSIS: char = '…';
    let mut end = max_bytes
        .saturating_sub(ELLIPSIS.len_utf8())
        .min(clean.len());
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    clean.truncate(end);
    if max_bytes >= ELLIPSIS.len_utf8() {
        clean.push(ELLIPSIS);
    }
    clean
}

/// `PATH_MAX` of Linux. A path that can be opened is never cut.
const PATH_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_breaks_control_characters_and_bidi_marks_are_removed() {
        let raw = "up\r\n\x1b[31mred\u{202e}txt\u{2069}\u{2028}end\0";
        assert_eq!(Text::line(raw, 100).as_str(), "up [31mredtxt end ");
    }

    #[test]
    fn a_cut_text_ends_with_an_ellipsis() {
        assert_eq!(Text::bounded("abcdef", 6), (Text("abcdef".into()), false));
        assert_eq!(Text::bounded("abcdefg", 6), (Text("abc…".into()), true));
        assert_eq!(Text::bounded("ääää", 6), (Text("ä…".into()), true));
    }

    #[test]
    fn a_formatter_is_stopped_at_the_bound() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("na ")?;
                }
            }
        }
        assert_eq!(Text::display(Endless, 9).as_str(), "na na …");
        assert_eq!(
            Text::display(format_args!("{}\n{}", 1, 2), 9).as_str(),
            "1 2"
        );
    }

    #[test]
    fn joined_lines_keep_their_offsets() {
        let (text, starts) = Text::joined("a\r\n\tb\u{ad}c\n\nd");
        assert_eq!(text.as_str(), "a bc d");
        let lines: Vec<_> = starts
            .iter()
            .map(|&start| &text.as_str()[start..])
            .collect();
        assert_eq!(lines, ["a bc d", "bc d", "d", "d"]);
    }

    #[test]
    fn invisible_characters_are_removed() {
        for hidden in [
            '\u{ad}', '\u{200b}', '\u{200d}', '\u{2060}', '\u{3164}', '\u{fe0f}', '\u{feff}',
        ] {
            let raw = format!("sec{hidden}ret");
            assert_eq!(Text::line(&raw, 100).as_str(), "secret", "{hidden:?}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_bounded_and_clean(raw in any::<String>(), max in 0_usize..64) {
            let (text, _) = Text::bounded(&raw, max);
            prop_assert!(text.as_str().len() <= max);
            prop_assert!(!text.as_str().chars().any(|c| c.is_control() || is_invisible(c)));
        }
    }
}
