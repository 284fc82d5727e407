//! What a check found out.

use std::fmt;

use serde_json::Value;

use crate::Measurement;

/// How the watched thing is doing. The worse is the greater, so that `max` finds the worst of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Everything that was looked at works.
    Healthy,
    /// It works in part, or it will stop working soon.
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

/// What one run of a check found out: a status, a line for a person, details and measurements.
///
/// The host truncates a message of more than 2 KiB, more than 64 details or 16 KiB of them, and more
/// than 32 measurements, and says so.
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
    /// An outcome of any status; [`Outcome::healthy`] and the others are shorter.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            details: Vec::new(),
            measurements: Vec::new(),
        }
    }

    /// All is well. The message may be empty.
    pub fn healthy(message: impl Into<String>) -> Self {
        Self::new(Status::Healthy, message)
    }

    /// It works in part, or it will stop working soon.
    pub fn degraded(message: impl Into<String>) -> Self {
        Self::new(Status::Degraded, message)
    }

    /// It does not work.
    pub fn unhealthy(message: impl Into<String>) -> Self {
        Self::new(Status::Unhealthy, message)
    }

    /// Adds an entry to the diagnostic data: a text, a number, a boolean or any JSON. Of a repeated key
    /// the last one counts.
    #[must_use]
    pub fn detail(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.details.push((key.into(), value.into()));
        self
    }

    /// Adds a number that was observed.
    #[must_use]
    pub fn measure(mut self, measurement: Measurement) -> Self {
        self.measurements.push(measurement);
        self
    }

    /// A worse status, and the reason behind the message.
    pub(crate) fn worsened(mut self, status: Status, reason: &str) -> Self {
        self.status = status;
        if !self.message.is_empty() {
            self.message.push(' ');
        }
        self.message.push_str(reason);
        self
    }

    /// How the watched thing is doing.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The line for a person.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The diagnostic data, as it was added.
    pub fn details(&self) -> &[(String, Value)] {
        &self.details
    }

    /// The value of one detail.
    pub fn detail_of(&self, key: &str) -> Option<&Value> {
        self.details
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Message and details, for whoever needs them for good.
    #[cfg(target_family = "wasm")]
    pub(crate) fn into_text(self) -> (String, Vec<(String, Value)>) {
        (self.message, self.details)
    }

    /// The numbers that were observed.
    pub fn measurements(&self) -> &[Measurement] {
        &self.measurements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_repeated_key_the_last_one_counts() {
        let outcome = Outcome::healthy("").detail("a", 1).detail("a", "two");
        assert_eq!(outcome.detail_of("a"), Some(&Value::from("two")));
        assert_eq!(outcome.detail_of("b"), None);
    }

    #[test]
    fn worse_is_greater() {
        assert!(Status::Healthy < Status::Degraded && Status::Degraded < Status::Unhealthy);
    }
}
