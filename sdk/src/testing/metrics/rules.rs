//! The host's rules for a single metric call. It must not know earlier values.
//!
//! The texts are those of the host: `host/sandbox/src/metrics.rs`.

use super::MetricKind;

pub(super) fn name(what: &str, name: &str) -> Result<(), String> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase();
    let may_follow = |byte: u8| is_letter(byte) || byte.is_ascii_digit() || byte == b'_';
    if name.len() > NAME_BYTES
        || !name.bytes().next().is_some_and(is_letter)
        || !name.bytes().all(may_follow)
    {
        return Err(format!(
            "`{name}` is no name of a {what}: it has 1 to {NAME_BYTES} of a-z, 0-9 and `_`, the first \
             a letter"
        ));
    }
    Ok(())
}

/// Checks the sorted labels against the contract.
pub(super) fn labels(labels: &[(String, String)]) -> Result<(), String> {
    if labels.len() > LABELS {
        let count = labels.len();
        return Err(format!(
            "there are {count} labels, the limit is {LABELS}: leave some out"
        ));
    }
    for (name, value) in labels {
        self::name("label", name)?;
        if RESERVED.contains(&name.as_str()) {
            return Err(format!("the label `{name}` is reserved: use another name"));
        }
        if value.len() > VALUE_BYTES {
            let count = value.len();
            return Err(format!(
                "the value of label `{name}` has {count} bytes, the limit is {VALUE_BYTES}: shorten it"
            ));
        }
    }
    match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(format!(
            "the label `{}` appears twice: leave one out",
            pair[0].0
        )),
        None => Ok(()),
    }
}

/// Checks a value and the bounds of its buckets against the contract.
pub(super) fn number(kind: MetricKind, value: f64, buckets: &[f64]) -> Result<(), String> {
    if kind == MetricKind::Counter && value < 0.0 {
        return Err(format!(
            "a counter only grows, and {value} is negative: use a gauge"
        ));
    }
    if !value.is_finite() {
        return Err(format!(
            "{value} is not a finite number: leave the call out"
        ));
    }
    if buckets.len() > BUCKETS {
        let count = buckets.len();
        return Err(format!(
            "there are {count} buckets, the limit is {BUCKETS}: leave some out"
        ));
    }
    if let Some(bound) = buckets.iter().find(|bound| !bound.is_finite()) {
        return Err(format!(
            "{bound} is not a bucket bound: leave it out, the bucket for greater values is added \
             by itself"
        ));
    }
    match buckets.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => Err(format!(
            "the bucket {} stands before {}: sort the bounds, each once",
            pair[0], pair[1]
        )),
        None => Ok(()),
    }
}

/// Formats the names of labels for a sentence.
pub(super) fn labels_text(names: &[String]) -> String {
    match names {
        [] => "no labels".to_owned(),
        [one] => format!("the label `{one}`"),
        many => format!("the labels `{}`", many.join("`, `")),
    }
}

/// The host's own label, and those with a meaning to Prometheus.
const RESERVED: [&str; 3] = ["check", "le", "quantile"];
const NAME_BYTES: usize = 64;
const LABELS: usize = 8;
const VALUE_BYTES: usize = 128;
const BUCKETS: usize = 32;
