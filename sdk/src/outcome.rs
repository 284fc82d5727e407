//! The outcome of a check.

use std::fmt;

use serde_json::Value;

use crate::Measurement;

/// The state of the checked service. A worse status is greater, so `max` finds the worst of
/// several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Everything that was checked works.
    Healthy,
    /// It works in part, or will stop working soon.
    Degraded,
    /// It does not work.
    Unhealthy,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        })
    }
}

/// The outcome of one run of a check: a status, a message, details and measurements.
///
/// The host truncates a message above 2 KiB, details above 64 entries or 16 KiB, and measurements
/// above 32, and reports that.
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// let outcome = Outcome::degraded("2 of 3 replicas answer")
///     .detail("replicas", json!({ "a": true, "b": true, "c": false }))
///     .measure(ratio("replicas_up", 2.0 / 3.0).degraded_below(1));
/// assert_eq!(outcome.status(), Status::Degraded);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    status: Status,
    message: String,
    details: Vec<(String, Value)>,
    measurements: Vec<Measurement>,
}

impl Outcome {
    /// Makes an outcome with any status; [`Outcome::healthy`] and the others are shorter.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            details: Vec::new(),
            measurements: Vec::new(),
        }
    }

    /// Makes a healthy outcome. The message may be empty.
    pub fn healthy(message: impl Into<String>) -> Self {
        Self::new(Status::Healthy, message)
    }

    /// Makes a degraded outcome: it works in part, or will stop working soon.
    pub fn degraded(message: impl Into<String>) -> Self {
        Self::new(Status::Degraded, message)
    }

    /// Makes an unhealthy outcome: it does not work.
    pub fn unhealthy(message: impl Into<String>) -> Self {
        Self::new(Status::Unhealthy, message)
    }

    /// Adds a detail: a string, a number, a boolean or any JSON. The last value of a repeated key
    /// wins.
    #[must_use]
    pub fn detail(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.details.push((key.into(), value.into()));
        self
    }

    /// Adds a measurement.
    #[must_use]
    pub fn measure(mut self, measurement: Measurement) -> Self {
        self.measurements.push(measurement);
        self
    }

    /// Sets a worse status and appends the reason to the message.
    pub(crate) fn worsened(mut self, status: Status, reason: &str) -> Self {
        self.status = status;
        if !self.message.is_empty() {
            self.message.push(' ');
        }
        self.message.push_str(reason);
        self
    }

    /// Returns the status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Returns the message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the details in the order in which they were added.
    pub fn details(&self) -> &[(String, Value)] {
        &self.details
    }

    /// Returns the value of one detail.
    pub fn detail_of(&self, key: &str) -> Option<&Value> {
        self.details
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Returns message and details by value.
    #[cfg(target_family = "wasm")]
    pub(crate) fn into_text(self) -> (String, Vec<(String, Value)>) {
        (self.message, self.details)
    }

    /// Returns the measurements.
    pub fn measurements(&self) -> &[Measurement] {
        &self.measurements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_repeated_key_wins() {
        let outcome = Outcome::healthy("").detail("a", 1).detail("a", "two");
        assert_eq!(outcome.detail_of("a"), Some(&Value::from("two")));
        assert_eq!(outcome.detail_of("b"), None);
    }

    #[test]
    fn worse_is_greater() {
        assert!(Status::Healthy < Status::Degraded && Status::Degraded < Status::Unhealthy);
    }
}
