//! A plugin's JSON Schema, and binding the configuration of a check to it.
//!
//! The schema is untrusted. Its size, its depth and the expansion of its references are bounded
//! ([`bounds`], and [`walk`] for a configuration), it refers only to itself, and its patterns run
//! in linear time. The memory that it takes is estimated before it is allocated ([`footprint`],
//! [`patterns`]), and most of it is only held while checks are bound.

mod applicators;
mod bounds;
mod footprint;
mod patterns;
mod violation;
mod walk;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use parking_lot::Mutex;
use serde_json::{Map, Value};

pub(super) use self::applicators::referenced;
use self::footprint::memory_size;
use self::patterns::Patterns;
use self::violation::ERROR_BYTES;
use vitals_model::Text;

/// A schema within all bounds.
#[derive(Debug)]
pub struct Schema {
    document: Arc<Value>,
    patterns: Patterns,
    /// Built on demand and dropped with its last user, because it takes many times the memory of
    /// the document, and more with each thread that has used it.
    validator: Mutex<Weak<Validator>>,
}

/// An unusable schema, or a configuration that does not fit its schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindingError {
    /// The plugin's schema is not valid, exceeds a bound, or refers to something outside itself.
    #[error("its `config-schema` is not usable: {0}")]
    Schema(Text),
    /// The plugin's schema was not parsed in time.
    #[error("its `config-schema` is not usable: it was not read within {0:?}")]
    Time(Duration),
    /// The configuration violates the schema; one text for each violation.
    #[error("its `config` does not fit the plugin: {}", .0.join("; "))]
    Config(Vec<String>),
}

/// A valid configuration, with its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The configuration as JSON for the guest.
    pub json: String,
    /// The values of properties that are `writeOnly`.
    pub secrets: Vec<String>,
}

impl Schema {
    /// Parses a schema and builds its validator once. Takes up to 50 ms and blocks.
    pub fn parse(text: &str) -> Result<Self, BindingError> {
        if text.len() > MAX_BYTES {
            return Err(unusable(&format_args!(
                "it has {} bytes, at most {MAX_BYTES} are allowed",
                text.len()
            )));
        }
        let document: Value = serde_json::from_str(text).map_err(|e| unusable(&e))?;
        if !document.is_object() {
            return Err(unusable(&"it must be a JSON object"));
        }
        if depth(&document) > MAX_DEPTH {
            return Err(unusable(&format_args!(
                "it is nested more than {MAX_DEPTH} deep"
            )));
        }
        if memory_size(&document) > MAX_DOCUMENT_MEMORY {
            return Err(unusable(&format_args!(
                "its lists and objects take more than {} MiB of memory; write fewer of them",
                MAX_DOCUMENT_MEMORY >> 20
            )));
        }
        bounds::check(&document).map_err(|e| unusable(&e))?;
        let patterns = footprint::check(&document).map_err(|e| unusable(&e))?;
        build(&document)?;
        Ok(Self {
            document: Arc::new(document),
            patterns,
            validator: Mutex::default(),
        })
    }

    /// The JSON document of the schema.
    pub fn document(&self) -> &Arc<Value> {
        &self.document
    }

    /// Keeps the validator in memory until the result is dropped, so that it is built once to bind
    /// many checks. Blocks.
    ///
    /// # Errors
    ///
    /// The validator could not be built.
    pub fn hold_validator(&self) -> Result<impl Sized + use<>, BindingError> {
        self.validator()
    }

    /// Returns the validator, and builds it if nothing holds it.
    fn validator(&self) -> Result<Arc<Validator>, BindingError> {
        let mut held = self.validator.lock();
        if let Some(validator) = held.upgrade() {
            return Ok(validator);
        }
        let validator = Arc::new(build(&self.document)?);
        *held = Arc::downgrade(&validator);
        Ok(validator)
    }

    /// Validates a configuration. Defaults are not filled in, because they are the guest's to
    /// apply. Blocks.
    ///
    /// [`BindingError::Schema`] means that validating this configuration would exceed a bound.
    pub fn bind(&self, config: &Map<String, Value>) -> Result<Binding, BindingError> {
        let config = Value::Object(config.clone());
        let walked = walk::walk(&self.document, &self.patterns, &config);
        let walked = walked.map_err(|e| unusable(&e))?;
        let validator = self.validator()?;
        // Collecting errors takes far more memory than knowing that there are some.
        if !validator.is_valid(&config) {
            if walked.steps > MAX_REPORTED_STEPS {
                return Err(BindingError::Config(vec![TOO_MANY_VIOLATIONS.to_owned()]));
            }
            let violations = validator.iter_errors(&config).take(MAX_VIOLATIONS);
            let violations = violations.map(|error| violation::describe(&error, &self.document));
            return Err(BindingError::Config(violations.collect()));
        }
        Ok(Binding {
            json: config.to_string(),
            secrets: walked.secrets,
        })
    }
}

/// Builds the validator of a schema within all bounds.
fn build(document: &Value) -> Result<Validator, BindingError> {
    let patterns = PatternOptions::regex()
        .size_limit(patterns::MAX_COMPILED)
        .dfa_size_limit(patterns::DFA_CACHE_BYTES);
    jsonschema::draft202012::options()
        .with_retriever(NoExternalReferences)
        .with_pattern_options(patterns)
        .build(&without_base_uri(document))
        .map_err(|e| unusable(&e))
}

fn unusable(why: &dyn fmt::Display) -> BindingError {
    BindingError::Schema(Text::display(why, ERROR_BYTES))
}

/// Removes the base URI and the dialect of the schema: references are local, and the dialect is
/// 2020-12.
fn without_base_uri(document: &Value) -> Value {
    let mut document = document.clone();
    if let Value::Object(root) = &mut document {
        root.retain(|keyword, _| !matches!(keyword.as_str(), "$id" | "$schema"));
    }
    document
}

struct NoExternalReferences;

impl Retrieve for NoExternalReferences {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("it refers to {uri}; only references within itself are allowed").into())
    }
}

fn depth(value: &Value) -> usize {
    let below = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(map) => map.values().map(depth).max(),
        _ => None,
    };
    1 + below.unwrap_or(0)
}

const MAX_BYTES: usize = 64 << 10;
const MAX_DEPTH: usize = 32;
/// The approximate memory of the document, which is held as long as the plugin is loaded.
const MAX_DOCUMENT_MEMORY: usize = 4 << 20;
const MAX_VIOLATIONS: usize = 8;
/// The number of applied schemas up to which violations are listed: combinators create an error for
/// each of their schemas, shown or not.
const MAX_REPORTED_STEPS: usize = 10_000;
const TOO_MANY_VIOLATIONS: &str =
    "it violates the schema in too many places to list them; remove parts of it to find the cause";

#[cfg(test)]
mod tests;
