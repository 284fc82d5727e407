//! Between the contract and the author's function: describing, reading settings, running, answering.
//!
//! What is here compiles on every target, so that the author's tests see what the host would run; only
//! the last step, the export itself, exists in a component alone.

use serde_json::Value;

use crate::config::{ConfigError, Definitions, Object, Schema};
use crate::{Config, Outcome, Request};

/// A check, as `#[health_check]` writes it down.
#[doc(hidden)]
pub trait Check {
    /// Its settings; [`NoSettings`] for a function without parameters.
    type Settings: Config;
    /// What the macro knows of it.
    const IDENTITY: Identity;

    /// Runs the author's function. Errors have become outcomes.
    fn run(settings: Self::Settings, request: &Request) -> Outcome;
}

/// Who a plugin is. Everything comes from the author's manifest and attribute.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    pub code: &'static str,
    pub version: &'static str,
    /// Empty where neither the attribute nor the function says it: the settings may.
    pub summary: &'static str,
    pub annotations: &'static [(&'static str, &'static str)],
}

impl Identity {
    /// One line for a person who looks for a check.
    #[cfg_attr(
        not(any(test, target_family = "wasm")),
        expect(dead_code, reason = "asked by a host only")
    )]
    pub(crate) fn summary_of<S: Config>(&self) -> &'static str {
        if self.summary.is_empty() {
            S::DOC.lines().next().unwrap_or_default()
        } else {
            self.summary
        }
    }
}

/// What a check function answers with: an `Outcome`, or a `Result` of one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a health check can't answer with `{Self}`",
    label = "it answers with `Outcome` or `Result<Outcome, E>`"
)]
pub trait Answer {
    type Error;

    fn split(self) -> Result<Outcome, Self::Error>;
}

impl Answer for Outcome {
    type Error = std::convert::Infallible;

    fn split(self) -> Result<Outcome, Self::Error> {
        Ok(self)
    }
}

impl<E> Answer for Result<Outcome, E> {
    type Error = E;

    fn split(self) -> Self {
        self
    }
}

/// The settings of a check that has none.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct NoSettings;

impl Config for NoSettings {
    fn schema(definitions: &mut Definitions) -> Schema {
        definitions.object("", &[], |_| {})
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        Object::read(value, &[]).map(|_| Self)
    }

    fn to_value(&self) -> Value {
        Value::Object(serde_json::Map::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    /// Of the settings.
    #[derive(Config)]
    struct Documented {}

    #[test]
    fn the_summary_is_the_function_s_or_the_settings() {
        let identity = |summary| Identity {
            code: "a",
            version: "1.0.0",
            summary,
            annotations: &[],
        };
        assert_eq!(
            identity("Of the function.").summary_of::<Documented>(),
            "Of the function."
        );
        assert_eq!(identity("").summary_of::<Documented>(), "Of the settings.");
        assert_eq!(identity("").summary_of::<NoSettings>(), "");
    }

    #[test]
    fn a_check_without_settings_accepts_an_empty_object_alone() {
        assert!(NoSettings::from_json("{}").is_ok());
        let error = NoSettings::from_json(r#"{"url": 1}"#).unwrap_err();
        assert_eq!(error.to_string(), "unknown key `url`; there are none here");
    }
}
