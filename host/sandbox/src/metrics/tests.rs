//! Which samples are recorded, and the errors of the others. `vitals_values` tests the rules.

use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::run_log::Origin;
use vitals_model::Secrets;
use vitals_model::{CheckName, Digest, VersionMetrics};

/// Records the samples that it gets.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl VersionMetrics for Seen {
    fn record(&self, check: &CheckName, sample: &Sample<'_>) -> Result<(), SampleError> {
        let labels: Vec<_> = sample
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let line = format!(
            "{check} {} [{}] {:?} {}",
            sample.name,
            labels.join(","),
            sample.update,
            (sample.help)()
        );
        self.0.lock().push(line);
        Ok(())
    }

    fn activate(self: Arc<Self>) {}
}

fn label(name: &str, value: &str) -> Label {
    Label {
        name: name.into(),
        value: value.into(),
    }
}

fn run_log(metrics: Option<Arc<dyn VersionMetrics>>) -> RunLog {
    let secrets = Arc::new(Secrets::new(["hunter2_the_secret"]));
    let origin = Origin::Describe(Digest::of(b"a"));
    RunLog::new("a".parse().unwrap(), origin, secrets, None, metrics)
}

/// The recorded sample, or the error.
fn became(name: &str, help: &str, labels: &[Label], update: MetricUpdate<'_>) -> String {
    let seen = Arc::new(Seen::default());
    let run_log = run_log(Some(Arc::clone(&seen) as _));
    match run_log.sample(name, help, labels, update) {
        Ok(()) => seen.0.lock().concat(),
        Err(MetricsError::Invalid(why)) => format!("invalid: {why}"),
        Err(other) => format!("{other:?}"),
    }
}

#[test]
fn texts_are_cleaned_and_labels_sorted() {
    let labels = [
        label("queue", "a\nb\u{202e}"),
        label("by", "hunter2_the_secret"),
        label("empty", ""),
    ];
    assert_eq!(
        became(
            "depth",
            "Waits\r\nfor hunter2_the_secret.",
            &labels,
            MetricUpdate::Set(2.5)
        ),
        "a depth [by=[redacted],empty=,queue=a b] Set(2.5) Waits for [redacted]."
    );
    let help = "h".repeat(300);
    let taken = became("depth", &help, &[], MetricUpdate::Add(0.0));
    assert!(taken.ends_with(&format!("{}…", "h".repeat(253))), "{taken}");
    let longest = label("queue", &"ä".repeat(64));
    let taken = became("depth", "", &[longest], MetricUpdate::Add(0.0));
    assert!(taken.contains(&"ä".repeat(64)), "{taken}");
}

#[test]
fn a_sample_against_the_rules_is_rejected() {
    let set = |name: &str, labels: &[Label]| became(name, "", labels, MetricUpdate::Set(1.0));
    assert!(set("depth", &[]).starts_with("a depth "));
    assert_eq!(
        set("a\n# TYPE b gauge", &[]),
        "invalid: `a # TYPE b gauge` is not a valid name of a metric: use 1 to 64 of `a-z`, `0-9` \
         and `_`, the first a letter"
    );
    assert_eq!(
        set("depth", &[label("le", "x")]),
        "invalid: the label `le` is reserved: use another name"
    );
    assert_eq!(
        became("depth", "", &[], MetricUpdate::Add(-1.0)),
        "invalid: a counter only grows, and -1 is negative: use a gauge"
    );
}

#[test]
fn no_name_shows_a_secret() {
    let set = |name: &str, labels: &[Label]| became(name, "", labels, MetricUpdate::Set(1.0));
    assert_eq!(
        set("of_hunter2_the_secret", &[]),
        "invalid: `of_[redacted]` contains a secret of the configuration: use another name"
    );
    let secret = || label("hunter2_the_secret", "x");
    assert_eq!(
        set("depth", &[secret()]),
        "invalid: `[redacted]` contains a secret of the configuration: use another name"
    );
    assert_eq!(
        set("depth", &[secret(), secret()]),
        "invalid: the label `[redacted]` appears twice: leave one out"
    );
}

#[test]
fn without_metrics_every_call_is_accepted_and_ignored() {
    let run_log = run_log(None);
    let labels = [label("le", "x")];
    assert!(
        run_log
            .sample("Bad Name", "", &labels, MetricUpdate::Add(-1.0))
            .is_ok()
    );
}
