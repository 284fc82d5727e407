//! The settings of a guest that does one of many things.

use std::fmt::Debug;

use vitals_sdk::Value;

use crate::raw::types::{Outcome, Request, Status};
use crate::raw::{description, healthy, types};

/// The settings of such a guest: the action `does`, and its parameters.
pub struct Instructions(Value);

impl Instructions {
    /// Reads the settings of a run.
    pub fn of(request: &Request) -> Self {
        Self(request.config.parse().unwrap_or_default())
    }

    /// Returns a text, empty if it is not set.
    pub fn text(&self, key: &str) -> &str {
        self.maybe(key).unwrap_or_default()
    }

    /// Returns a text, if it is set.
    pub fn maybe(&self, key: &str) -> Option<&str> {
        self.0[key].as_str()
    }

    /// Returns a number, if it is set.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.0[key].as_u64()
    }

    /// Returns whether something is set.
    pub fn boolean(&self, key: &str) -> bool {
        self.0[key].as_bool().unwrap_or(false)
    }

    /// Returns a size in bytes, 0 if it is not set.
    pub fn size(&self, key: &str) -> usize {
        usize::try_from(self.number(key).unwrap_or(0)).unwrap_or(usize::MAX)
    }

    /// Returns the numbers below `count`, 1 if it is not set.
    pub fn rounds(&self) -> std::ops::Range<u64> {
        0..self.number("count").unwrap_or(1)
    }

    /// Returns a list of pairs of texts.
    pub fn pairs(&self, key: &str) -> Vec<(&str, &str)> {
        let all = self.0[key].as_array().into_iter().flatten();
        all.filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?)))
            .collect()
    }

    /// Makes something `count` times and keeps it all.
    ///
    /// # Errors
    ///
    /// It cannot be made, after so many times.
    pub fn keep<T, E: Debug>(
        &self,
        mut make: impl FnMut() -> Result<T, E>,
    ) -> Result<String, String> {
        let mut kept = Vec::new();
        for number in self.rounds() {
            kept.push(make().map_err(|error| format!("after {number}: {error:?}"))?);
        }
        Ok(format!("kept {}", kept.len()))
    }
}

/// Returns a description that accepts any settings.
pub fn any_settings(code: &str) -> types::Description {
    types::Description {
        config_schema: r#"{"type":"object"}"#.to_owned(),
        ..description(code)
    }
}

/// Converts the result of an action: healthy if the host allowed it, unhealthy otherwise.
pub fn outcome_of(result: Result<String, String>) -> Outcome {
    match result {
        Ok(message) => healthy(&message),
        Err(message) => Outcome {
            status: Status::Unhealthy,
            ..healthy(&message)
        },
    }
}

/// Converts an error of the host to text.
pub fn debug_text(error: impl Debug) -> String {
    format!("{error:?}")
}
