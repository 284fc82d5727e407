//! What the configuration of a check tells a guest that does one of many things.

use vitals_sdk::Value;

use crate::raw::types::{Outcome, Request, Status};
use crate::raw::{description, healthy, types};

/// The settings of a guest that is told what to do: `does`, and whatever that needs.
pub struct Told(Value);

impl Told {
    /// Reads the configuration of a run.
    pub fn by(request: &Request) -> Self {
        Self(request.config.parse().unwrap_or_default())
    }

    /// A text; empty where none is told.
    pub fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    /// A text, if one is told.
    pub fn maybe(&self, key: &str) -> Option<&str> {
        self.0[key].as_str()
    }

    /// A number; 0 where none is told.
    pub fn number(&self, key: &str) -> u64 {
        self.maybe_number(key).unwrap_or_default()
    }

    /// A number, if one is told.
    pub fn maybe_number(&self, key: &str) -> Option<u64> {
        self.0[key].as_u64()
    }

    /// A list of pairs of texts.
    pub fn pairs(&self, key: &str) -> Vec<(&str, &str)> {
        let all = self.0[key].as_array().into_iter().flatten();
        all.filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?)))
            .collect()
    }
}

/// A description that takes any settings.
pub fn any_settings(code: &str) -> types::Description {
    types::Description {
        config_schema: r#"{"type":"object"}"#.to_owned(),
        ..description(code)
    }
}

/// What became of it: healthy where it was let do it, unhealthy where it was not.
pub fn told(became: Result<String, String>) -> Outcome {
    match became {
        Ok(message) => healthy(&message),
        Err(message) => Outcome {
            status: Status::Unhealthy,
            ..healthy(&message)
        },
    }
}
