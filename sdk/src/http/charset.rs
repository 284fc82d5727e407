//! Text of a body in the charset that it has: UTF-8, UTF-16, Latin-1. A crate for all charsets would be
//! larger than an ordinary check.

use std::borrow::Cow;

/// Decodes a body. A byte order mark overrides what `content_type` declares, and is left out. Without
/// either, and for other charsets, the text is UTF-8. What is not valid is replaced.
pub(super) fn decode<'b>(body: &'b [u8], content_type: Option<&str>) -> Cow<'b, str> {
    match body {
        [0xef, 0xbb, 0xbf, text @ ..] => return utf8(text),
        [0xff, 0xfe, text @ ..] => return utf16(text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => return utf16(text, u16::from_be_bytes),
        _ => {}
    }
    let charset = content_type.and_then(declared).unwrap_or_default();
    match charset.to_ascii_lowercase().as_str() {
        "utf-16" | "utf-16le" => utf16(body, u16::from_le_bytes),
        "utf-16be" => utf16(body, u16::from_be_bytes),
        "iso-8859-1" | "iso8859-1" | "latin1" | "l1" | "windows-1252" | "cp1252" => {
            body.iter().map(|byte| windows_1252(*byte)).collect()
        }
        _ => utf8(body),
    }
}

/// Returns the charset of a content type: `text/html; charset="utf-8"`.
fn declared(content_type: &str) -> Option<&str> {
    let parameters = content_type.split(';').skip(1);
    let mut pairs = parameters.filter_map(|parameter| parameter.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("charset"))?;
    Some(value.trim_matches('"'))
}

fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    // Checking for invalid UTF-8 costs a fraction of replacing it.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'_, str> {
    let units = bytes.chunks(2).map(|pair| match pair {
        [a, b] => unit([*a, *b]),
        // Half a unit is not valid.
        _ => 0xd800,
    });
    let text = char::decode_utf16(units);
    text.map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// What browsers take for Latin-1 too (WHATWG Encoding, section 4.2).
fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_in_its_charset() {
        for (body, content_type, text) in [
            (&b"gr\xc3\xbcn"[..], None, "grün"),
            (
                b"gr\xfcn \x80",
                Some("text/plain; charset=ISO-8859-1"),
                "grün €",
            ),
            (
                b"gr\xfcn",
                Some("text/plain; a=b; Charset=\"latin1\""),
                "grün",
            ),
            (
                b"\xef\xbb\xbfgr\xc3\xbcn",
                Some("text/plain;charset=latin1"),
                "grün",
            ),
            (b"\xff\xfeu\0p\0", None, "up"),
            (b"\xfe\xff\0u\0p", None, "up"),
            (b"\0u\0p", Some("a/b; charset=utf-16be"), "up"),
            (b"u\0p", Some("a/b; charset=utf-16"), "u\u{fffd}"),
            (b"\xff", Some("text/plain; charset=koi8-r"), "\u{fffd}"),
        ] {
            assert_eq!(
                decode(body, content_type),
                text,
                "{body:?} {content_type:?}"
            );
        }
    }
}
