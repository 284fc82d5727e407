//! Text from outside in messages: a banner, a response, an expected value.

/// Returns the text, or its first `most` characters and `…` if it is longer.
///
/// ```
/// assert_eq!(vitals_sdk::shortened("220 mail.example.com ready", 8), "220 mail…");
/// ```
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöü", 2), "äö…");
        assert_eq!(shortened("", 0), "");
    }
}
