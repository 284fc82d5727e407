//! Grants from the configuration: a value grants what it names if the plugin's schema marks its
//! property with `x-vitals-grant`, once or with a list.
//!
//! The schema is untrusted. Marks count under `properties`, `items` and references within the
//! schema, but not under combinators or `additionalProperties`, and not for a `default`: only what
//! the operator wrote is granted.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use super::{Grant, GrantError};
use crate::schema::referenced;
use vitals_model::Text;

/// The marks of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// A URL. Grants its scheme, host and port.
    Http,
    /// `host:port` for the guest's TCP sockets.
    Tcp,
    /// `host:port` for the guest's UDP sockets.
    Udp,
    /// `host:port` for connections by the host.
    Tls,
    /// A host for ICMP echo requests.
    Icmp,
    /// A name for lookups.
    Name,
    /// A path to read.
    File,
    /// A path whose file system may be measured.
    Disk,
    /// The name of an identity that may be shown to servers.
    Identity,
    /// The name of a proxy to connect by.
    Proxy,
}

impl Mark {
    /// The mark in the schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Tls => "tls",
            Self::Icmp => "icmp",
            Self::Name => "name",
            Self::File => "file",
            Self::Disk => "disk",
            Self::Identity => "identity",
            Self::Proxy => "proxy",
        }
    }

    /// The marks of a schema: one, or a list of them.
    fn of(schema: &Map<String, Value>, pointer: &str) -> Result<Vec<Self>, GrantError> {
        let Some(marks) = schema.get(KEYWORD) else {
            return Ok(Vec::new());
        };
        let marks = match marks {
            Value::Array(marks) => marks.as_slice(),
            mark => std::slice::from_ref(mark),
        };
        let known = |mark: &Value| {
            Self::ALL
                .into_iter()
                .find(|known| mark.as_str() == Some(known.as_str()))
                .ok_or_else(|| GrantError::Mark {
                    pointer: Text::line(pointer, SHOWN_BYTES),
                    mark: Text::display(mark, SHOWN_BYTES),
                })
        };
        // An untrusted list may repeat a mark without end.
        marks.iter().take(Self::ALL.len()).map(known).collect()
    }

    const ALL: [Self; 10] = [
        Self::Http,
        Self::Tcp,
        Self::Udp,
        Self::Tls,
        Self::Icmp,
        Self::Name,
        Self::File,
        Self::Disk,
        Self::Identity,
        Self::Proxy,
    ];
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A property for which a plugin requests a grant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MarkedProperty {
    /// The JSON pointer of the value in a configuration, as one clean line of at most 256 bytes;
    /// `*` stands for any item of a list.
    pub pointer: String,
    /// What the value grants.
    pub mark: Mark,
}

/// Returns the grants of the values in `config` that `schema` marks.
///
/// A missing value or null grants nothing; a value that does not fit its mark is an error.
pub fn granted_by_marks(schema: &Value, config: &Value) -> Result<Vec<Grant>, GrantError> {
    let mut walk = Walk {
        root: schema,
        steps: 0,
        found: Vec::new(),
    };
    walk.walk_values(schema, config, &mut String::new())?;
    Ok(walk.found)
}

/// Returns the distinct marked properties of `schema`. A schema that contains itself is followed
/// once.
pub fn marked_properties(schema: &Value) -> Result<Vec<MarkedProperty>, GrantError> {
    let mut walk = Walk {
        root: schema,
        steps: 0,
        found: BTreeSet::new(),
    };
    walk.walk_schema(schema, &mut String::new(), &mut Vec::new())?;
    Ok(walk.found.into_iter().collect())
}

/// A walk over a schema. Its steps are limited, because references let a small schema expand to a
/// huge one.
struct Walk<'a, Found> {
    root: &'a Value,
    steps: usize,
    found: Found,
}

impl<Found> Walk<'_, Found> {
    fn step(&mut self) -> Result<(), GrantError> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            Err(GrantError::TooComplex)
        } else {
            Ok(())
        }
    }
}

impl Walk<'_, Vec<Grant>> {
    fn walk_values(
        &mut self,
        schema: &Value,
        value: &Value,
        pointer: &mut String,
    ) -> Result<(), GrantError> {
        // This loop follows the references at one value. The recursion is bounded by the operator's
        // own value.
        let mut next = Some(schema);
        while let Some(Value::Object(schema)) = next {
            self.step()?;
            for mark in Mark::of(schema, pointer)? {
                if !value.is_null() {
                    let grant = Grant::written(mark, pointer, value)?;
                    // A chain of references can mark one value thousands of times.
                    if !self.found.contains(&grant) {
                        self.found.push(grant);
                    }
                }
            }
            if let (Some(Value::Object(schemas)), Value::Object(values)) =
                (schema.get("properties"), value)
            {
                for (name, value) in values {
                    if let Some(schema) = schemas.get(name) {
                        with_token(pointer, name, |pointer| {
                            self.walk_values(schema, value, pointer)
                        })?;
                    }
                }
            }
            if let (Some(schema), Value::Array(values)) = (schema.get("items"), value) {
                for (index, value) in values.iter().enumerate() {
                    with_token(pointer, &index.to_string(), |pointer| {
                        self.walk_values(schema, value, pointer)
                    })?;
                }
            }
            next = referenced(self.root, schema);
        }
        Ok(())
    }
}

impl<'a> Walk<'a, BTreeSet<MarkedProperty>> {
    fn walk_schema(
        &mut self,
        schema: &'a Value,
        pointer: &mut String,
        ancestors: &mut Vec<&'a Value>,
    ) -> Result<(), GrantError> {
        let Value::Object(object) = schema else {
            return Ok(());
        };
        if ancestors.iter().any(|outer| std::ptr::eq(*outer, schema)) {
            return Ok(());
        }
        self.step()?;
        if ancestors.len() >= MAX_DEPTH {
            return Err(GrantError::TooComplex);
        }
        ancestors.push(schema);
        for mark in Mark::of(object, pointer)? {
            self.found.insert(MarkedProperty {
                pointer: Text::line(pointer, POINTER_BYTES).into(),
                mark,
            });
        }
        if let Some(Value::Object(properties)) = object.get("properties") {
            for (name, schema) in properties {
                with_token(pointer, name, |pointer| {
                    self.walk_schema(schema, pointer, ancestors)
                })?;
            }
        }
        if let Some(schema) = object.get("items") {
            with_token(pointer, "*", |pointer| {
                self.walk_schema(schema, pointer, ancestors)
            })?;
        }
        if let Some(schema) = referenced(self.root, object) {
            self.walk_schema(schema, pointer, ancestors)?;
        }
        ancestors.pop();
        Ok(())
    }
}

/// Calls `inner` with a token appended to a JSON pointer (RFC 6901).
fn with_token<T>(pointer: &mut String, token: &str, inner: impl FnOnce(&mut String) -> T) -> T {
    let outer = pointer.len();
    pointer.push('/');
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
    let result = inner(pointer);
    pointer.truncate(outer);
    result
}

const KEYWORD: &str = "x-vitals-grant";
/// The maximum number of schemas in a walk; a schema of 64 KiB without references has fewer.
const MAX_STEPS: usize = 10_000;
/// The maximum nesting of schemas in a walk; a document may be nested 32 deep.
const MAX_DEPTH: usize = 128;
const SHOWN_BYTES: usize = 120;
const POINTER_BYTES: usize = 256;

#[cfg(test)]
mod tests;
