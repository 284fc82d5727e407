//! The settings of a guest that does one of many things.

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
        self.0[key].as_str().unwrap_or_default()
    }

    /// Returns a text, if it is set.
    pub fn maybe(&self, key: &str) -> Option<&str> {
        self.0[key].as_str()
    }

    /// Returns a number, 0 if it is not set.
    pub fn number(&self, key: &str) -> u64 {
        self.maybe_number(key).unwrap_or_default()
    }

    /// Returns a number, if it is set.
    pub fn maybe_number(&self, key: &str) -> Option<u64> {
        self.0[key].as_u64()
    }

    /// Returns a list of pairs of texts.
    pub fn pairs(&self, key: &str) -> Vec<(&str, &str)> {
        let all = self.0[key].as_array().into_iter().flatten();
        all.filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?)))
            .collect()
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
