//! Guests that say too much, or what nobody may be shown.

use super::case::{Group, HostileCase, Is};
use crate::guests;

pub(super) const GROUP: Group = Group {
    name: "output",
    about: "What a guest hands over, writes, logs, reports and answers is bounded and cleaned.",
    host: "[sentry]\ndsn = 'http://key@{greedy}/1'",
};

pub(super) fn cases() -> Vec<HostileCase> {
    let new = HostileCase::new;
    let local = |name: &str, does: &'static str, config: &str| {
        let config = format!("config = {{ {config} }}");
        HostileCase::new(name, does)
            .built(guests::HOSTILE_LOCAL)
            .timeout(3000)
            .with(&config)
    };
    let huge = |name: &str, does: &'static str, by: &str| {
        let config = format!("config = {{ by = '{by}' }}");
        HostileCase::new(name, does)
            .built(guests::HUGE)
            .timeout(3000)
            .with(&config)
            .ends("output")
            .limit("2MiB")
    };
    vec![
        huge("huge-message", "a message of 3 MiB", "message"),
        huge("huge-detail", "a detail of 3 MiB", "detail"),
        huge("huge-error", "an error of 3 MiB", "error"),
        huge("huge-log-line", "a log line of 3 MiB", "log"),
        new("huge-for-its-limit", "100 KB where 64 KiB are allowed")
            .built(guests::HUGE)
            .with("limits = { output = '64KiB' }\nconfig = { size = 100_000 }")
            .ends("output")
            .limit("64KiB"),
        local(
            "long-message",
            "a message of 500 KB",
            "does = 'long-message'",
        )
        .survives("healthy")
        .fact("/message", Is::ShorterThan(2049))
        .fact("/result/truncated/0", Is::Equal("message".into())),
        local(
            "foul-message",
            "a message of line breaks, terminal codes and marks",
            "does = 'foul-message'",
        )
        .survives("healthy")
        .clean()
        .message("up status: healthy"),
        local(
            "foul-error",
            "an error of line breaks, terminal codes and marks",
            "does = 'foul-error'",
        )
        .survives("unhealthy")
        .clean()
        .message("up status: healthy"),
        local(
            "foul-details",
            "details whose keys, texts and JSON are foul",
            "does = 'foul-details'",
        )
        .survives("healthy")
        .fact(
            "/details/document",
            Is::Equal(serde_json::json!({" [2J": 1})),
        )
        .fact("/details", Is::Long(2)),
        local("many-details", "10,000 details", "does = 'many-details'")
            .survives("healthy")
            .fact("/details", Is::Long(64))
            .fact(
                "/result/truncated",
                Is::Equal(serde_json::json!(["details"])),
            ),
        local(
            "same-details",
            "10,000 details of one name",
            "does = 'same-details'",
        )
        .survives("healthy")
        .fact("/details", Is::Long(1)),
        local("deep-json", "JSON 8,000 lists deep", "does = 'deep-json'")
            .survives("healthy")
            .fact("/details/document", Is::ShorterThan(4097)),
        local(
            "deeper-json",
            "JSON half a million lists deep",
            "does = 'deeper-json'",
        )
        .survives("healthy")
        .fact("/details/document", Is::ShorterThan(4097)),
        local("wide-json", "JSON of 8,000 numbers", "does = 'wide-json'")
            .survives("healthy")
            .fact("/details", Is::ShorterThan(2)),
        local(
            "huge-number",
            "JSON with numbers that no type holds",
            "does = 'huge-number'",
        )
        .survives("healthy"),
        local(
            "many-measurements",
            "10,000 measurements",
            "does = 'many-measurements'",
        )
        .survives("healthy")
        .fact("/result/measurements", Is::Long(32))
        .fact(
            "/result/truncated",
            Is::Equal(serde_json::json!(["measurements"])),
        ),
        local(
            "bad-measurements",
            "measurements that are not numbers, with names that break metrics",
            "does = 'bad-measurements'",
        )
        .survives("healthy")
        .fact("/result/measurements", Is::Long(3))
        .fact("/result/measurements/2/value", Is::Equal(1.0.into())),
        local(
            "stdout-flood",
            "8 MiB on standard output, in one line",
            "does = 'stdout', count = 2048",
        )
        .survives("healthy")
        .fact("/result/output", Is::Long(1))
        .fact("/result/output/0", Is::ShorterThan(2049)),
        local(
            "stderr-flood",
            "8 MiB on standard error, in one line",
            "does = 'stdout', to = 'stderr', count = 2048",
        )
        .survives("healthy")
        .fact("/result/output", Is::Long(1)),
        new("stdout-lines", "4,000 lines on standard output")
            .built(guests::NOISE)
            .timeout(3000)
            .with("config = { stdout = 4000 }")
            .survives("healthy")
            .fact("/result/output", Is::ShorterThan(200)),
        local(
            "stdout-endless",
            "writes to standard output for ever",
            "does = 'stdout', count = 1_000_000_000",
        )
        .timeout(200)
        .with("limits = { fuel = 1_000_000_000_000 }")
        .times_out(""),
        local(
            "stdout-foul",
            "terminal codes on standard output",
            "does = 'stdout', what = 'foul', count = 5",
        )
        .survives("healthy")
        .fact("/result/output/0", Is::Without(super::case::FOUL)),
        local(
            "stdout-bytes",
            "every byte there is on standard output",
            "does = 'stdout', what = 'bytes', count = 5",
        )
        .survives("healthy")
        .fact("/result/output", Is::ShorterThan(200))
        .fact("/result/output/1", Is::Without(super::case::FOUL)),
        local(
            "zeroes",
            "has the host write four billion zeroes",
            "does = 'zeroes', count = 4_000_000_000",
        )
        .ends("trap"),
        local(
            "splice",
            "has the host pass on for ever what does not come",
            "does = 'splice'",
        )
        .survives("unhealthy"),
        local(
            "log-flood",
            "2,000 log lines of 100 KB",
            "does = 'log', count = 2000",
        )
        .survives("healthy")
        .fact("/result/dropped_log_lines", Is::Equal(1936.into())),
        local(
            "log-foul",
            "log lines of line breaks and terminal codes",
            "does = 'log', what = 'foul', count = 10",
        )
        .survives("healthy"),
        local(
            "capture-flood",
            "2,000 reports to the error tracker",
            "does = 'capture', count = 2000",
        )
        .survives("healthy")
        .message("sent 5"),
        local(
            "series-flood",
            "20,000 series of metrics",
            "does = 'series', count = 20_000",
        )
        .survives("unhealthy")
        .message("after 100: MetricsError::TooManySeries"),
        local(
            "histogram-flood",
            "20,000 series of a histogram, each of the most buckets",
            "does = 'series', count = 20_000, buckets = 32, labels = 7, bytes = 128",
        )
        .survives("unhealthy")
        .message("MetricsError::TooManySeries"),
        local(
            "metrics-foul",
            "metrics whose help and labels are of line breaks and terminal codes",
            "does = 'series', what = 'foul', count = 10",
        )
        .survives("healthy"),
        local(
            "many-labels",
            "a metric of 10,000 labels",
            "does = 'series', count = 1, labels = 9999",
        )
        .survives("unhealthy")
        .message("there are 10000 labels, the limit is 8"),
        local(
            "long-label",
            "a metric whose label has 500 KB",
            "does = 'series', count = 1, bytes = 500_000",
        )
        .survives("unhealthy")
        .message("has 500000 bytes, the limit is 128"),
        local(
            "many-buckets",
            "a histogram of 10,000 buckets",
            "does = 'series', count = 1, buckets = 10_000",
        )
        .survives("unhealthy")
        .message("there are 10000 buckets, the limit is 32"),
    ]
}
