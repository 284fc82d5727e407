//! Uses metrics of its own, validly and invalidly.

use vitals_sdk::prelude::*;

/// What to record.
#[derive(Config)]
struct Settings {
    /// The number of series of one gauge.
    #[config(default = 2)]
    series: u32,
    /// Whether to make invalid calls too; their errors are in the details.
    #[config(default = false)]
    wrong: bool,
}

/// Counts its runs, sets a gauge and observes a time.
#[health_check(code = "metrics")]
fn check(settings: Settings) -> Outcome {
    let mut refused = Vec::new();
    let mut note = |recorded: Result<(), metrics::Error>| {
        refused.extend(recorded.err().map(|error| error.to_string()));
    };
    note(
        metrics::counter("runs_total", "Runs of this check.")
            .label("kind", "test")
            .increment(),
    );
    for queue in 0..settings.series {
        let gauge =
            metrics::gauge("queue_depth", "Messages that wait.").label("queue", queue.to_string());
        note(gauge.set(f64::from(queue) * 10.0));
    }
    let histogram = metrics::histogram("lag_seconds", "How far behind.").buckets([0.1, 1.0, 10.0]);
    note(histogram.observe(0.5));
    if settings.wrong {
        note(
            metrics::counter("runs_total", "Runs of this check.")
                .label("kind", "test")
                .add(-1.0),
        );
        note(metrics::counter("Bad Name", "A name that is none.").increment());
        note(
            metrics::gauge("runs_total", "Another type.")
                .label("kind", "test")
                .set(1.0),
        );
        note(
            metrics::counter("runs_total", "Other labels.")
                .label("other", "x")
                .increment(),
        );
        note(metrics::gauge("unset", "No number.").set(f64::NAN));
    }
    Outcome::healthy("counted").detail("refused", json!(refused))
}
