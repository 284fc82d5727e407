//! A plugin's JSON Schema, and the configuration of a check bound to it.
//!
//! The schema comes from a stranger: its size and depth are bounded and so is what its references
//! multiply to ([`bounds`], and [`walk`] beside a configuration), it refers to nothing but itself,
//! and its patterns run in linear time. What it takes in memory is bounded before it takes it
//! ([`footprint`], [`patterns`]), and most of that only while checks are bound.

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

pub(super) use self::applicators::resolve_reference;
use self::footprint::memory_size;
use self::patterns::Patterns;
use self::violation::bounded_text;
use vitals_model::Text;

/// A schema that can be used.
#[derive(Debug)]
pub struct Schema {
    document: Arc<Value>,
    patterns: Patterns,
    /// Made when it is needed, and gone when nobody holds it any more: it takes many times what the
    /// document does, the more the more threads have used it.
    validator: Mutex<Weak<Validator>>,
}

/// A schema that can't be used, or a configuration that it refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// The plugin's schema is no schema, is too large, takes too long to check, or refers to
    /// something outside itself.
    #[error("its `config-schema` is not usable: {0}")]
    Schema(Text),
    /// The plugin's schema was not read in time.
    #[error("its `config-schema` is not usable: it was not read within {0:?}")]
    Time(Duration),
    /// The operator's configuration does not satisfy the schema; one text for each violation.
    #[error("its `config` does not fit the plugin: {}", .0.join("; "))]
    Config(Vec<String>),
}

/// A configuration that its schema accepts, with what the schema says about its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The configuration as the guest reads it.
    pub json: String,
    /// The values whose schema property is `writeOnly`.
    pub secrets: Vec<String>,
}

impl Schema {
    /// Reads the text of a schema, and builds its validator once. Takes up to 50 ms; not for threads
    /// that serve anybody.
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

    /// The schema itself.
    pub fn document(&self) -> &Arc<Value> {
        &self.document
    }

    /// The validator, which is built anew unless somebody holds it: whoever binds many checks holds
    /// it meanwhile. Blocks.
    pub fn validator(&self) -> Result<Arc<Validator>, BindingError> {
        let mut held = self.validator.lock();
        if let Some(validator) = held.upgrade() {
            return Ok(validator);
        }
        let validator = Arc::new(build(&self.document)?);
        *held = Arc::downgrade(&validator);
        Ok(validator)
    }

    /// Checks a configuration. Nothing is filled in: defaults are the guest's to apply. Blocks.
    ///
    /// A [`BindingError::Schema`] is one that this configuration can't be checked against in
    /// bounded time.
    pub fn bind(&self, config: &Map<String, Value>) -> Result<Binding, BindingError> {
        let config = Value::Object(config.clone());
        let walked = walk::walk(&self.document, &self.patterns, &config);
        let walked = walked.map_err(|e| unusable(&e))?;
        let validator = self.validator()?;
        // Errors take far more memory than the answer that there are some.
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

/// Builds the validator of a schema that is within all bounds.
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
    BindingError::Schema(bounded_text(why))
}

/// The schema without what it says of where it comes from and of its dialect: its references are
/// places within it, and it is read as 2020-12 throughout.
fn without_base_uri(document: &Value) -> Value {
    let mut document = document.clone();
    if let Value::Object(root) = &mut document {
        root.retain(|keyword, _| !matches!(keyword.as_str(), "$id" | "$schema"));
    }
    document
}

/// Refuses to fetch anything that a schema refers to.
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
/// About how much memory the document may take, for as long as the plugin is loaded.
const MAX_DOCUMENT_MEMORY: usize = 4 << 20;
const MAX_VIOLATIONS: usize = 8;
/// Schemas applied to values, up to which it is said what does not fit: combinators have an error
/// for each that they hold, shown or not.
const MAX_REPORTED_STEPS: usize = 10_000;
const TOO_MANY_VIOLATIONS: &str = "something in it is not as it must be, and too much is held against it to say \
                        what; leave parts out to find it";

#[cfg(test)]
mod tests;
