//! The rules for the metrics of plugins: names, labels and numbers.
//!
//! The host applies them to each call of a guest, and the SDK's test world to each call of a check.
//! This module does not know earlier calls, nor how a name may be shown.

/// An operation on a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricUpdate<'a> {
    /// Adds a number, which is not negative, to a counter.
    Add(f64),
    /// Sets a gauge to a number.
    Set(f64),
    /// Observes a number in a histogram.
    Observe {
        /// The observed number.
        value: f64,
        /// The upper bounds of the buckets in ascending order, at most 32. Without any the
        /// histogram gets the host's default buckets.
        buckets: &'a [f64],
    },
}

impl MetricUpdate<'_> {
    /// Checks the number and the bounds of the buckets, which must be finite.
    ///
    /// # Errors
    ///
    /// Fails with the problem and its remedy.
    pub fn check(self) -> Result<(), String> {
        let (value, buckets) = match self {
            Self::Add(amount) if amount < 0.0 => {
                return Err(format!(
                    "a counter only grows, and {amount} is negative: use a gauge"
                ));
            }
            Self::Add(value) | Self::Set(value) => (value, &[][..]),
            Self::Observe { value, buckets } => (value, buckets),
        };
        if !value.is_finite() {
            return Err(format!(
                "{value} is not a finite number: leave the call out"
            ));
        }
        if buckets.len() > BUCKETS {
            return Err(format!(
                "there are {} buckets, the limit is {BUCKETS}: leave some out",
                buckets.len()
            ));
        }
        if let Some(bound) = buckets.iter().find(|bound| !bound.is_finite()) {
            return Err(format!(
                "{bound} is not a bucket bound: leave it out, the bucket for greater values is \
                 added automatically"
            ));
        }
        match buckets.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => Err(format!(
                "the bucket {} comes before {}: sort the bounds and remove duplicates",
                pair[0], pair[1]
            )),
            None => Ok(()),
        }
    }
}

/// Checks the name of a metric. `shown` formats a name for the error.
///
/// # Errors
///
/// Fails with the problem and its remedy.
pub fn check_metric_name(name: &str, shown: impl Fn(&str) -> String) -> Result<(), String> {
    check_name("metric", name, &shown)
}

/// Checks the names and values of a metric's labels. `shown` formats a name for the error.
///
/// # Errors
///
/// Fails with the problem and its remedy.
pub fn check_labels<'a>(
    labels: impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone,
    shown: impl Fn(&str) -> String,
) -> Result<(), String> {
    if labels.len() > LABELS {
        return Err(format!(
            "there are {} labels, the limit is {LABELS}: leave some out",
            labels.len()
        ));
    }
    let all = labels.clone();
    for (index, (name, value)) in labels.enumerate() {
        check_name("label", name, &shown)?;
        let problem = if RESERVED.contains(&name) {
            "is reserved: use another name"
        } else if all.clone().skip(index + 1).any(|other| other.0 == name) {
            "appears twice: leave one out"
        } else if value.len() > LABEL_VALUE_BYTES {
            return Err(format!(
                "the value of label `{}` has {} bytes, the limit is {LABEL_VALUE_BYTES}: shorten \
                 it",
                shown(name),
                value.len()
            ));
        } else {
            continue;
        };
        return Err(format!("the label `{}` {problem}", shown(name)));
    }
    Ok(())
}

fn check_name(what: &str, name: &str, shown: &impl Fn(&str) -> String) -> Result<(), String> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase();
    let may_follow = |byte: u8| is_letter(byte) || byte.is_ascii_digit() || byte == b'_';
    let is_valid = name.len() <= METRIC_NAME_BYTES
        && name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(may_follow);
    if is_valid {
        return Ok(());
    }
    Err(format!(
        "`{}` is not a valid name of a {what}: use 1 to {METRIC_NAME_BYTES} of `a-z`, `0-9` and \
         `_`, the first a letter",
        shown(name)
    ))
}

/// The length of the longest name of a metric or a label.
pub const METRIC_NAME_BYTES: usize = 64;
/// The length of the longest value of a label.
pub const LABEL_VALUE_BYTES: usize = 128;
/// The label of the host, and those with a meaning in Prometheus.
const RESERVED: [&str; 3] = ["check", "le", "quantile"];
const LABELS: usize = 8;
const BUCKETS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_letters_digits_and_underscores() {
        let check = |name: &str| check_metric_name(name, str::to_owned);
        for valid in ["a", "runs_total", "p99", "a__b", &"x".repeat(64)] {
            assert_eq!(check(valid), Ok(()));
        }
        for invalid in [
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
            assert_eq!(
                check(invalid).unwrap_err(),
                format!(
                    "`{invalid}` is not a valid name of a metric: use 1 to 64 of `a-z`, `0-9` and \
                     `_`, the first a letter"
                )
            );
        }
        let problem = check_metric_name("Secret", |_| "[redacted]".to_owned()).unwrap_err();
        assert!(problem.starts_with("`[redacted]` is not"), "{problem}");
    }

    #[test]
    fn labels_are_few_distinct_and_short() {
        let check = |labels: &[(&str, &str)]| {
            let problem = check_labels(labels.iter().copied(), |name| format!("<{name}>"));
            problem.err().unwrap_or_default()
        };
        let (longest, too_long) = ("x".repeat(128), "x".repeat(129));
        assert_eq!(check(&[("queue", &longest), ("by", "")]), "");
        for name in ["", "__name__", "_x", "Queue", "a b"] {
            let problem = check(&[(name, "x")]);
            assert!(
                problem.starts_with(&format!("`<{name}>` is not a valid name of a label: ")),
                "{problem}"
            );
        }
        for name in ["check", "le", "quantile"] {
            assert_eq!(
                check(&[(name, "x")]),
                format!("the label `<{name}>` is reserved: use another name")
            );
        }
        assert_eq!(
            check(&[("queue", "x"), ("by", "x"), ("queue", "y")]),
            "the label `<queue>` appears twice: leave one out"
        );
        assert_eq!(
            check(&[("queue", &too_long)]),
            "the value of label `<queue>` has 129 bytes, the limit is 128: shorten it"
        );
        let names: Vec<_> = (0..9).map(|number| format!("l{number}")).collect();
        let labels: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
        assert_eq!(check(&labels[..8]), "");
        assert_eq!(
            check(&labels),
            "there are 9 labels, the limit is 8: leave some out"
        );
    }

    #[test]
    fn numbers_are_finite_and_counters_only_grow() {
        assert_eq!(MetricUpdate::Add(0.0).check(), Ok(()));
        assert_eq!(MetricUpdate::Set(-1.0).check(), Ok(()));
        assert_eq!(
            MetricUpdate::Add(-1.0).check().unwrap_err(),
            "a counter only grows, and -1 is negative: use a gauge"
        );
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let buckets = &[][..];
            for update in [
                MetricUpdate::Add(value.abs()),
                MetricUpdate::Set(value),
                MetricUpdate::Observe { value, buckets },
            ] {
                let problem = update.check().unwrap_err();
                assert!(problem.contains("is not a finite number"), "{problem}");
            }
        }
    }

    #[test]
    fn buckets_are_few_finite_and_in_order() {
        let check = |buckets: &[f64]| {
            let value = 1.0;
            MetricUpdate::Observe { value, buckets }.check()
        };
        let many: Vec<f64> = (0..33_i32).map(f64::from).collect();
        assert_eq!(check(&many[..32]), Ok(()));
        assert_eq!(check(&[]), Ok(()));
        for (buckets, problem) in [
            (
                &many[..],
                "there are 33 buckets, the limit is 32: leave some out",
            ),
            (&[1.0, f64::INFINITY], "inf is not a bucket bound"),
            (&[f64::NAN], "NaN is not a bucket bound"),
            (
                &[2.0, 1.0],
                "the bucket 2 comes before 1: sort the bounds and remove duplicates",
            ),
            (&[1.0, 1.0], "the bucket 1 comes before 1"),
        ] {
            let found = check(buckets).unwrap_err();
            assert!(found.starts_with(problem), "{found}");
        }
    }
}
