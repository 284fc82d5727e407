//! Samples of a guest's metrics: validates them against the contract, cleans their texts and passes
//! them on.
//!
//! It must not know how series are stored or shown.

use super::contract::{Label, MetricsError};
use super::run_log::RunLog;
use vitals_model::{MetricUpdate, Sample, SampleError, Text};

impl RunLog {
    /// Validates a sample of the guest and records it.
    pub(super) fn sample(
        &self,
        name: &str,
        help: &str,
        labels: &[Label],
        update: MetricUpdate<'_>,
    ) -> Result<(), MetricsError> {
        let Some(metrics) = &self.metrics else {
            return Ok(());
        };
        self.name("metric", name).map_err(MetricsError::Invalid)?;
        let labels = self.labels(labels).map_err(MetricsError::Invalid)?;
        number(update).map_err(MetricsError::Invalid)?;
        let help = || self.clean(help, HELP_BYTES);
        let sample = Sample::new(name, &help, labels, update);
        let recorded = metrics.record(&self.check, &sample);
        recorded.map_err(|why| match why {
            SampleError::TooManySeries => MetricsError::TooManySeries,
            conflict => MetricsError::Conflict(conflict.to_string()),
        })
    }

    /// Validates a name, which also must not contain a secret.
    fn name(&self, what: &str, name: &str) -> Result<(), String> {
        let shown = || self.clean(name, NAME_BYTES);
        let is_letter = |byte: u8| byte.is_ascii_lowercase();
        let may_follow = |byte: u8| is_letter(byte) || byte.is_ascii_digit() || byte == b'_';
        if name.len() > NAME_BYTES
            || !name.bytes().next().is_some_and(is_letter)
            || !name.bytes().all(may_follow)
        {
            return Err(format!(
                "`{}` is no name of a {what}: it has 1 to {NAME_BYTES} of a-z, 0-9 and `_`, the \
                 first a letter",
                shown()
            ));
        }
        if self.secrets.occur_in(name) {
            return Err(format!(
                "`{}` has a secret of the configuration in it: name the {what} otherwise",
                shown()
            ));
        }
        Ok(())
    }

    fn labels(&self, labels: &[Label]) -> Result<Vec<(String, Text)>, String> {
        if labels.len() > LABELS {
            return Err(format!(
                "there are {} labels, the limit is {LABELS}: leave some out",
                labels.len()
            ));
        }
        let clean = |label: &Label| {
            let Label { name, value } = label;
            self.name("label", name)?;
            if RESERVED.contains(&name.as_str()) {
                return Err(format!("the label `{name}` is reserved: use another name"));
            }
            if value.len() > VALUE_BYTES {
                return Err(format!(
                    "the value of label `{name}` has {} bytes, the limit is {VALUE_BYTES}: shorten \
                     it",
                    value.len()
                ));
            }
            Ok((name.clone(), self.clean(value, VALUE_BYTES)))
        };
        let mut clean = labels.iter().map(clean).collect::<Result<Vec<_>, _>>()?;
        clean.sort();
        let twice = clean.windows(2).find(|pair| pair[0].0 == pair[1].0);
        match twice {
            Some(pair) => Err(format!(
                "the label `{}` appears twice: leave one out",
                pair[0].0
            )),
            None => Ok(clean),
        }
    }
}

/// Validates a value and the bounds of its buckets.
fn number(update: MetricUpdate<'_>) -> Result<(), String> {
    let (value, buckets) = match update {
        MetricUpdate::Add(amount) if amount < 0.0 => {
            return Err(format!(
                "a counter only grows, and {amount} is negative: use a gauge"
            ));
        }
        MetricUpdate::Add(value) | MetricUpdate::Set(value) => (value, &[][..]),
        MetricUpdate::Observe { value, buckets } => (value, buckets),
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

/// The label of the host, and those with a meaning in Prometheus.
const RESERVED: [&str; 3] = ["check", "le", "quantile"];
const NAME_BYTES: usize = 64;
const HELP_BYTES: usize = 256;
const LABELS: usize = 8;
const VALUE_BYTES: usize = 128;
const BUCKETS: usize = 32;

#[cfg(test)]
mod tests;
