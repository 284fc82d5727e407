//! Puts into every text that leaves it what must not reach a terminal, a log or a page.

#![expect(clippy::print_stderr, reason = "one of the ways of a text to the host")]

use vitals_sdk::prelude::*;

/// Control characters of a terminal, line breaks of every kind, marks that turn the direction of
/// text, and characters that can't be seen.
const FOUL: &str = "a\x1b[31mred\x1b[0m\nnew\r\nline\0nul\x07bell\x7f\u{85}next\u{9b}31mc1\u{2028}ls\u{2029}ps\
    \u{202e}rlo\u{2066}lri\u{200b}zwsp\u{feff}bom<script>\"quoted\"\\";

/// Foul text in the message, a key and a value, on the log and on standard error.
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
