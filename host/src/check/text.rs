//! The one constructor through which every text of a guest passes before anybody sees it.

use std::fmt;
use std::path::Path;

use serde::Serialize;

/// One line of bounded text without control characters, bidi marks or line breaks: safe in an
/// answer, a log line, a label and a terminal.
///
/// A run of white space and control characters becomes one space, so that two lines do not read as
/// one word. A text cut at its bound ends in `…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Cleans `raw` and cuts it to at most `max_bytes` bytes of UTF-8.
    pub fn line(raw: &str, max_bytes: usize) -> Self {
        Self::bounded(raw, max_bytes).0
    }

    /// Like [`Text::line`], and says whether something was cut off.
    pub fn bounded(raw: &str, max_bytes: usize) -> (Self, bool) {
        if raw.len() <= max_bytes && raw.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return (Self(raw.to_owned()), false);
        }
        let mut clean = String::with_capacity(raw.len().min(max_bytes));
        for character in raw.chars().filter(|&character| !is_invisible(character)) {
            let breaks = character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
            let shown = if breaks { ' ' } else { character };
            if breaks && clean.ends_with(' ') {
                continue;
            }
            if clean.len() + shown.len_utf8() > max_bytes {
                return (Self(cut(clean, max_bytes)), true);
            }
            clean.push(shown);
        }
        (Self(clean), false)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A path as a line of the log shows it.
pub(crate) fn shown_path(path: &Path) -> Text {
    Text::line(&path.to_string_lossy(), PATH_BYTES)
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

/// Marks that change how neighbouring text is shown and are not seen themselves: bidi controls
/// (Unicode Standard Annex 9, section 2), zero-width characters, the byte-order mark, tags.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
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

/// `PATH_MAX` of Linux: what can be opened is shown whole.
const PATH_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn line_breaks_control_characters_and_bidi_marks_go() {
        let raw = "up\r\n\x1b[31mred\u{202e}txt\u{2069}\u{2028}end\0";
        assert_eq!(Text::line(raw, 100).as_str(), "up [31mredtxt end ");
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(Text::bounded("abcdef", 6), (Text("abcdef".into()), false));
        assert_eq!(Text::bounded("abcdefg", 6), (Text("abc…".into()), true));
        assert_eq!(Text::bounded("ääää", 6), (Text("ä…".into()), true));
    }

    proptest! {
        #[test]
        fn always_bounded_and_clean(raw in any::<String>(), max in 0_usize..64) {
            let (text, _) = Text::bounded(&raw, max);
            prop_assert!(text.as_str().len() <= max);
            prop_assert!(!text.as_str().chars().any(|c| c.is_control() || is_invisible(c)));
        }
    }
}
