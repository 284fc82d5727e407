//! Samples of a guest's metrics: holds each to the contract, cleans its texts and hands it on.
//!
//! It must not know how series are kept or where they are shown.

use super::contract::{Label, MetricsError};
use super::journal::Journal;
use vitals_model::{NotTaken, Reading, Sample, Text};

impl Journal {
    /// Takes a sample of the guest.
    pub(super) fn sample(
        &self,
        name: &str,
        help: &str,
        labels: &[Label],
        reading: Reading<'_>,
    ) -> Result<(), MetricsError> {
        let Some(metrics) = self.metrics() else {
            return Ok(());
        };
        self.name("metric", name).map_err(MetricsError::Invalid)?;
        let labels = self.labels(labels).map_err(MetricsError::Invalid)?;
        number(reading).map_err(MetricsError::Invalid)?;
        let help = || self.clean(help, HELP_BYTES);
        let sample = Sample {
            name,
            help: &help,
            labels,
            reading,
        };
        let taken = metrics.take(self.check(), &sample);
        taken.map_err(|why| match why {
            NotTaken::Conflict(how) => MetricsError::Conflict(how),
            NotTaken::TooManySeries => MetricsError::TooManySeries,
        })
    }

    /// Holds a name to the contract. It is a text that leaves the host, too.
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
        if self.secrets().are_in(name) {
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
                "there are {} labels, {LABELS} are the most: leave some out",
                labels.len()
            ));
        }
        let clean = |label: &Label| {
            let Label { name, value } = label;
            self.name("label", name)?;
            if RESERVED.contains(&name.as_str()) {
                return Err(format!(
                    "the label `{name}` is not the plugin's to set: use another name"
                ));
            }
            if value.len() > VALUE_BYTES {
                return Err(format!(
                    "the value of label `{name}` has {} bytes, {VALUE_BYTES} are the most: shorten \
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
                "the label `{}` occurs twice: remove one",
                pair[0].0
            )),
            None => Ok(clean),
        }
    }
}

/// Holds a number, and the bounds that it is counted between, to the contract.
fn number(reading: Reading<'_>) -> Result<(), String> {
    let (value, buckets) = match reading {
        Reading::Add(amount) if amount < 0.0 => {
            return Err(format!(
                "a counter only grows, and {amount} is negative: use a gauge"
            ));
        }
        Reading::Add(value) | Reading::Set(value) => (value, &[][..]),
        Reading::Observe { value, buckets } => (value, buckets),
    };
    if !value.is_finite() {
        return Err(format!("{value} is no finite number: leave the call out"));
    }
    if buckets.len() > BUCKETS {
        return Err(format!(
            "there are {} buckets, {BUCKETS} are the most: leave some out",
            buckets.len()
        ));
    }
    if let Some(bound) = buckets.iter().find(|bound| !bound.is_finite()) {
        return Err(format!(
            "{bound} is no bound of a bucket: leave it out, the one for all that is greater is \
             there by itself"
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

/// The host's own label, and those that Prometheus gives a meaning.
const RESERVED: [&str; 3] = ["check", "le", "quantile"];
const NAME_BYTES: usize = 64;
const HELP_BYTES: usize = 256;
const LABELS: usize = 8;
const VALUE_BYTES: usize = 128;
const BUCKETS: usize = 32;

#[cfg(test)]
mod tests;
