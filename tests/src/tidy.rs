//! Texts without what varies, for snapshots.

use std::path::Path;
use std::sync::LazyLock;

use regex_lite::Regex;

/// Replaces times, durations, ports, digests and other numbers that vary. The temporary `directory`
/// becomes `<dir>`.
pub fn tidy(directory: &Path, text: &str) -> String {
    let text = text.replace(&directory.display().to_string(), "<dir>");
    let mut text = without_moments(&text);
    for (pattern, shown) in OTHERS.iter() {
        text = pattern.replace_all(&text, *shown).into_owned();
    }
    text
}

/// Replaces only times and latencies.
pub fn without_moments(text: &str) -> String {
    let text = MOMENT.replace_all(text, "<time>");
    LATENCY
        .replace_all(&text, "\"latency_ms\":${1}<ms>")
        .into_owned()
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

static MOMENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"));
static LATENCY: LazyLock<Regex> = LazyLock::new(|| pattern(r#""latency_ms":( ?)\d+(\.\d+)?"#));
static OTHERS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\b[0-9a-f]{64}\b", "<sha256>"),
        (r"\b(127\.0\.0\.1|localhost|\[::1\]):\d{5}\b", "$1:<port>"),
        (
            r#""(compile_ms|fuel|memory_peak_bytes|size_bytes)": \d+(\.\d+)?"#,
            "\"$1\": <varies>",
        ),
        (r"(latency_ms): \d+(\.\d+)?", "$1: <ms>"),
        (
            r"took \d+\.\d ms, fuel \d+, memory \d+ KiB",
            "took <ms>, fuel <fuel>, memory <memory>",
        ),
        (
            r"'(\w+_time|check_duration)'=\d+(\.\d+)?(e-\d+)?s",
            "'$1'=<seconds>s",
        ),
        (
            r"(\w+_time) = \d+(\.\d+)?(e-\d+)? seconds",
            "$1 = <seconds> seconds",
        ),
        (
            r#"("name": "\w+_time",\s+"unit": "seconds",\s+"value": )\d+(\.\d+)?(e-\d+)?"#,
            "${1}<varies>",
        ),
        (r"compiled  in \d+ ms", "compiled  in <ms>"),
        (r"size      \d+ KiB", "size      <size>"),
    ]
    .map(|(text, shown)| (pattern(text), shown))
    .into()
});
