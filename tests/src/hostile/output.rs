//! Guests that say too much, or what nobody may be shown.

use serde_json::json;

use super::case::{Group, HostileCase, Is, built, local};
use crate::guests;

pub(super) const GROUP: Group = Group::new(
    "output",
    "The host limits and cleans everything that a guest returns, prints, logs and reports.",
)
.host("[sentry]\ndsn = 'http://key@{greedy}/1'");

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let huge = |name, does, by: &str| {
        let case = built(name, does, guests::HUGE).config(&format!("by = '{by}'"));
        case.timeout(3000).exceeds("output", "2MiB")
    };
    vec![
        huge("huge-message", "a message of 3 MiB", "message"),
        huge("huge-detail", "a detail of 3 MiB", "detail"),
        huge("huge-error", "an error of 3 MiB", "error"),
        huge("huge-log-line", "a log line of 3 MiB", "log"),
        built("huge-for-its-limit", "100 KB with a limit of 64 KiB", guests::HUGE)
            .config("size = 100_000").limits("output = '64KiB'").exceeds("output", "64KiB"),
        local("long-message", "a message of 500 KB", "does = 'long-message'").healthy()
            .fact("/message", Is::ShorterThan(2049))
            .fact("/result/truncated/0", Is::Equal("message".into())),
        local("foul-message", "a message of line breaks, terminal codes and bidirectional marks",
            "does = 'foul-message'").healthy().clean().message("up status: healthy"),
        local("foul-error", "an error of line breaks, terminal codes and bidirectional marks",
            "does = 'foul-error'").unhealthy().clean().message("up status: healthy"),
        local("foul-details", "details whose keys, texts and JSON contain control characters",
            "does = 'foul-details'").healthy()
            .fact("/details/document", Is::Equal(json!({" [2J": 1})))
            .fact("/details", Is::Long(2)),
        local("many-details", "10,000 details", "does = 'many-details'").healthy()
            .fact("/details", Is::Long(64))
            .fact("/result/truncated", Is::Equal(json!(["details"]))),
        local("same-details", "10,000 details of one name", "does = 'same-details'").healthy()
            .fact("/details", Is::Long(1)),
        local("deep-json", "JSON 8,000 lists deep", "does = 'deep-json', count = 8000").healthy()
            .fact("/details/document", Is::ShorterThan(4097)),
        local("deeper-json", "JSON half a million lists deep", "does = 'deep-json', count = 500_000").healthy()
            .fact("/details/document", Is::ShorterThan(4097)),
        local("wide-json", "JSON of 8,000 numbers", "does = 'wide-json'").healthy()
            .fact("/details", Is::ShorterThan(2)),
        local("huge-number", "JSON with numbers that no type holds", "does = 'huge-number'").healthy(),
        local("many-measurements", "10,000 measurements", "does = 'many-measurements'").healthy()
            .fact("/result/measurements", Is::Long(32))
            .fact("/result/truncated", Is::Equal(json!(["measurements"]))),
        local("bad-measurements", "measurements that are not numbers, with names that break metrics",
            "does = 'bad-measurements'").healthy()
            .fact("/result/measurements", Is::Long(3))
            .fact("/result/measurements/2/value", Is::Equal(1.0.into())),
        local("stdout-flood", "8 MiB on standard output, in one line", "does = 'stdout', count = 2048")
            .healthy().fact("/result/output", Is::Long(1)).fact("/result/output/0", Is::ShorterThan(2049)),
        local("stderr-flood", "8 MiB on standard error, in one line",
            "does = 'stdout', to = 'stderr', count = 2048").healthy().fact("/result/output", Is::Long(1)),
        built("stdout-lines", "4,000 lines on standard output", guests::NOISE)
            .config("stdout = 4000").timeout(3000).healthy().fact("/result/output", Is::ShorterThan(200)),
        local("stdout-endless", "writes to standard output endlessly",
            "does = 'stdout', count = 1_000_000_000").endless_fuel().timeout(200).times_out(""),
        local("stdout-foul", "terminal codes on standard output", "does = 'stdout', what = 'foul', count = 5")
            .healthy().fact("/result/output/0", Is::Clean),
        local("stdout-bytes", "every possible byte on standard output",
            "does = 'stdout', what = 'bytes', count = 5").healthy()
            .fact("/result/output", Is::ShorterThan(200)).fact("/result/output/1", Is::Clean),
        local("zeroes", "has the host write four billion zeroes", "does = 'zeroes', count = 4_000_000_000")
            .ends("trap"),
        local("splice", "makes the host splice from a stream that never delivers", "does = 'splice'")
            .unhealthy(),
        local("log-flood", "2,000 log lines of 100 KB", "does = 'log', count = 2000")
            .timeout(20_000).healthy()
            .fact("/result/dropped_log_lines", Is::Equal(1936.into())),
        local("log-foul", "log lines of line breaks and terminal codes",
            "does = 'log', what = 'foul', count = 10").healthy(),
        local("capture-flood", "2,000 reports to the error tracker", "does = 'capture', count = 2000")
            .healthy().message("sent 5"),
        local("series-flood", "20,000 series of metrics", "does = 'series', count = 20_000")
            .unhealthy().message("after 100: MetricsError::TooManySeries"),
        local("histogram-flood", "20,000 series of a histogram, each with the maximum number of buckets",
            "does = 'series', count = 20_000, buckets = 32, labels = 7, bytes = 128")
            .unhealthy().message("MetricsError::TooManySeries"),
        local("metrics-foul", "metrics whose help and labels contain line breaks and terminal codes",
            "does = 'series', what = 'foul', count = 10").healthy(),
        local("many-labels", "a metric of 10,000 labels", "does = 'series', count = 1, labels = 9999")
            .unhealthy().message("there are 10000 labels, the limit is 8"),
        local("long-label", "a metric whose label has 500 KB", "does = 'series', count = 1, bytes = 500_000")
            .unhealthy().message("has 500000 bytes, the limit is 128"),
        local("many-buckets", "a histogram of 10,000 buckets", "does = 'series', count = 1, buckets = 10_000")
            .unhealthy().message("there are 10000 buckets, the limit is 32"),
    ]
}
