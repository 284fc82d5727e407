//! Connects the contract with the author's function: describes, reads settings, runs, converts the
//! result.
//!
//! Everything here compiles for every target, so the author's tests exercise what the host runs.
//! Only the export itself exists in a component alone.

use serde_json::Value;

use crate::config::object::Object;
use crate::config::{ConfigError, Definitions, Schema};
use crate::{Config, Outcome, Request};

/// A check, as `#[health_check]` defines it.
#[doc(hidden)]
pub trait Check {
    /// The settings; [`NoSettings`] for a function without parameters.
    type Settings: Config;
    /// The metadata that the macro knows.
    const IDENTITY: Identity;

    /// Runs the author's function and converts errors to outcomes.
    fn run(settings: Self::Settings, request: &Request) -> Outcome;
}

/// The identity of a plugin, from the author's manifest and attribute.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    pub code: &'static str,
    pub version: &'static str,
    /// Empty if neither the attribute nor the function documents it; then the settings may.
    pub summary: &'static str,
    pub annotations: &'static [(&'static str, &'static str)],
}

impl Identity {
    /// Returns the one-line summary.
    #[cfg_attr(
        not(any(test, target_family = "wasm")),
        expect(dead_code, reason = "called only in a component")
    )]
    pub(crate) fn summary_of<S: Config>(&self) -> &'static str {
        if self.summary.is_empty() {
            S::DOC.lines().next().unwrap_or_default()
        } else {
            self.summary
        }
    }
}

/// The return type of a check function: an `Outcome`, or a `Result` of one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a health check can't return `{Self}`",
    label = "return `Outcome` or `Result<Outcome, E>`"
)]
pub trait CheckReturn {
    type Error;

    fn into_result(self) -> Result<Outcome, Self::Error>;
}

impl CheckReturn for Outcome {
    type Error = std::convert::Infallible;

    fn into_result(self) -> Result<Outcome, Self::Error> {
        Ok(self)
    }
}

impl<E> CheckReturn for Result<Outcome, E> {
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// The settings of a check without settings.
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
        assert_eq!(error.to_string(), "unknown key `url`, expected no keys");
    }
}
