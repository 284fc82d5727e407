//! Samples of a guest's metrics: checks them by the rules of `vitals_values`, cleans their texts
//! and passes them on.
//!
//! It must not know how series are stored or shown.

use super::contract::{Label, MetricsError};
use super::run_log::RunLog;
use vitals_model::{MetricUpdate, Sample, SampleError, Text};
use vitals_values::{LABEL_VALUE_BYTES, METRIC_NAME_BYTES, check_labels, check_metric_name};

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
        let labels = self
            .checked_labels(name, labels, update)
            .map_err(MetricsError::Invalid)?;
        let help = || self.clean(help, HELP_BYTES);
        let sample = Sample::new(name, &help, labels, update);
        let recorded = metrics.record(&self.check, &sample);
        recorded.map_err(|why| match why {
            SampleError::TooManySeries => MetricsError::TooManySeries,
            conflict => MetricsError::Conflict(conflict.to_string()),
        })
    }

    /// Checks the parts of a sample and cleans its labels. A name must not contain a secret.
    fn checked_labels(
        &self,
        name: &str,
        labels: &[Label],
        update: MetricUpdate<'_>,
    ) -> Result<Vec<(String, Text)>, String> {
        let shown = |name: &str| self.clean(name, METRIC_NAME_BYTES).to_string();
        let pairs = labels
            .iter()
            .map(|label| (label.name.as_str(), label.value.as_str()));
        check_metric_name(name, shown)?;
        check_labels(pairs, shown)?;
        update.check()?;
        let names = labels.iter().map(|label| label.name.as_str());
        if let Some(secret) = names.chain([name]).find(|name| self.secrets.occur_in(name)) {
            return Err(format!(
                "`{}` contains a secret of the configuration: use another name",
                shown(secret)
            ));
        }
        let clean = |label: &Label| {
            (
                label.name.clone(),
                self.clean(&label.value, LABEL_VALUE_BYTES),
            )
        };
        let mut labels: Vec<_> = labels.iter().map(clean).collect();
        labels.sort();
        Ok(labels)
    }
}

const HELP_BYTES: usize = 256;

#[cfg(test)]
mod tests;
