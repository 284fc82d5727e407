//! Puts into every text what must not reach a terminal, a log or a page.

#![expect(clippy::print_stderr, reason = "one of the paths of text to the host")]

use vitals_sdk::prelude::*;

/// Terminal control characters, line breaks of every kind, characters that reverse the direction of
/// text, and invisible characters.
const FOUL: &str = "a\x1b[31mred\x1b[0m\nnew\r\nline\0nul\x07bell\x7f\u{85}next\u{9b}31mc1\u{2028}ls\u{2029}ps\
    \u{202e}rlo\u{2066}lri\u{200b}zwsp\u{feff}bom<script>\"quoted\"\\";

/// Puts this text into the message, a key and a value, the log and standard error.
#[health_check(code = "text")]
fn check() -> Outcome {
    report::warn(FOUL);
    eprintln!("{FOUL}");
    Outcome::degraded(format!("{FOUL}{}", "é".repeat(4096)))
        .detail(FOUL, "key")
        .detail("value", FOUL)
        .detail("nested", json!({ "deep": [FOUL] }))
        .measure(count(FOUL, 1))
}
