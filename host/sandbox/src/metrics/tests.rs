//! Which samples are recorded, and what a guest is told about the others.

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
fn names_are_held_to_the_contract() {
    let set = |name: &str| became(name, "", &[], MetricUpdate::Set(1.0));
    for good in ["a", "runs_total", "p99", "a__b", &"x".repeat(64)] {
        assert!(set(good).starts_with(&format!("a {good} ")), "{good}");
    }
    for bad in [
        "",
        "9lives",
        "_private",
        "Upper",
        "two words",
        "a-b",
        "a:b",
        "ünits",
        "a\n# TYPE b gauge",
        &"x".repeat(65),
    ] {
        let why = set(bad);
        assert!(
            why.starts_with("invalid: `")
                && why.contains("` is no name of a metric: it has 1 to 64"),
            "{bad}: {why}"
        );
        assert!(!why.contains('\n'), "{why}");
    }
    assert_eq!(
        set("of_hunter2_the_secret"),
        "invalid: `of_[redacted]` has a secret of the configuration in it: name the metric otherwise"
    );
}

#[test]
fn labels_are_held_to_the_contract() {
    let set = |labels: &[Label]| became("depth", "", labels, MetricUpdate::Set(1.0));
    for name in ["", "__name__", "_x", "Queue", "a b", "hunter2_the_secret"] {
        let why = set(&[label(name, "x")]);
        assert!(why.starts_with("invalid: `"), "{name}: {why}");
        assert!(!why.contains("hunter2"), "{why}");
    }
    for name in ["check", "le", "quantile"] {
        assert_eq!(
            set(&[label(name, "x")]),
            format!("invalid: the label `{name}` is reserved: use another name")
        );
    }
    assert_eq!(
        set(&[label("queue", &"x".repeat(129))]),
        "invalid: the value of label `queue` has 129 bytes, the limit is 128: shorten it"
    );
    assert_eq!(
        set(&[label("queue", "x"), label("by", "x"), label("queue", "y")]),
        "invalid: the label `queue` appears twice: leave one out"
    );
    let named = |number: usize| label(&format!("l{number}"), "x");
    let eight: Vec<_> = (0..8).map(named).collect();
    assert!(set(&eight).starts_with("a depth [l0=x,"), "{}", set(&eight));
    let nine: Vec<_> = (0..9).map(named).collect();
    assert_eq!(
        set(&nine),
        "invalid: there are 9 labels, the limit is 8: leave some out"
    );
}

#[test]
fn numbers_and_buckets_are_held_to_the_contract() {
    fn taken(update: MetricUpdate<'_>) -> String {
        became("lag", "", &[], update)
    }
    assert!(taken(MetricUpdate::Add(-1.0)).contains("-1 is negative: use a gauge"));
    assert!(taken(MetricUpdate::Set(-1.0)).starts_with("a lag "));
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let buckets = &[][..];
        for update in [
            MetricUpdate::Set(value),
            MetricUpdate::Observe { value, buckets },
        ] {
            let why = taken(update);
            assert!(why.contains("is not a finite number"), "{why}");
        }
    }
    assert!(taken(MetricUpdate::Add(f64::NAN)).contains("NaN is not a finite number"));
    let observed = |buckets: &[f64]| {
        taken(MetricUpdate::Observe {
            value: 1.0,
            buckets,
        })
    };
    let many: Vec<f64> = (0..33_i32).map(f64::from).collect();
    assert!(observed(&many[..32]).starts_with("a lag "));
    assert!(observed(&[]).starts_with("a lag "));
    for (buckets, why) in [
        (&many[..], "there are 33 buckets, the limit is 32"),
        (&[1.0, f64::INFINITY], "inf is not a bucket bound"),
        (&[f64::NAN], "NaN is not a bucket bound"),
        (&[2.0, 1.0], "the bucket 2 stands before 1: sort the bounds"),
        (&[1.0, 1.0], "the bucket 1 stands before 1: sort the bounds"),
    ] {
        let said = observed(buckets);
        assert!(
            said.starts_with("invalid: ") && said.contains(why),
            "{said}"
        );
    }
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
