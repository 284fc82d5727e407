//! Grants by written addresses: what the operator's values grant where a plugin's schema marks
//! their properties with `x-vitals-grant`, for one thing or for a list of them.
//!
//! The schema comes from a stranger. Marks count under `properties`, `items` and references within
//! the schema, never under combinators or `additionalProperties`, and never for a `default`: what
//! the operator did not write is not granted.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use super::{Grant, GrantError};
use crate::schema::resolve_reference;
use vitals_model::Text;

/// The kinds that a schema can mark a property with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// A URL; its scheme, host and port are granted.
    Http,
    /// `host:port` for the guest's TCP sockets.
    Tcp,
    /// `host:port` for the guest's UDP sockets.
    Udp,
    /// `host:port` for TLS by the host.
    Tls,
    /// A name to look up.
    Name,
    /// A path to read.
    File,
    /// A path whose file system may be measured.
    Disk,
}

impl Mark {
    /// The mark as a schema writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Tls => "tls",
            Self::Name => "name",
            Self::File => "file",
            Self::Disk => "disk",
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
        // As many as there are: a stranger's list may repeat one without end.
        marks.iter().take(Self::ALL.len()).map(known).collect()
    }

    const ALL: [Self; 7] = [
        Self::Http,
        Self::Tcp,
        Self::Udp,
        Self::Tls,
        Self::Name,
        Self::File,
        Self::Disk,
    ];
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A property that a plugin wants granted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MarkedProperty {
    /// JSON pointer of the value in a configuration, as one clean line of at most 256 bytes; `*`
    /// stands for any item of a list.
    pub pointer: String,
    /// What its value grants.
    pub mark: Mark,
}

/// What the values of `config` grant that `schema` marks.
///
/// A value that is missing or null grants nothing; one that is not of its kind is an error.
pub fn granted_by_marks(schema: &Value, config: &Value) -> Result<Vec<Grant>, GrantError> {
    let mut walk = Walk {
        root: schema,
        steps: 0,
        found: Vec::new(),
    };
    walk.walk_values(schema, config, &mut String::new())?;
    Ok(walk.found)
}

/// The properties that `schema` marks, each once, those of a schema that contains itself at the
/// first level only.
pub fn marked_properties(schema: &Value) -> Result<Vec<MarkedProperty>, GrantError> {
    let mut walk = Walk {
        root: schema,
        steps: 0,
        found: BTreeSet::new(),
    };
    walk.walk_schema(schema, &mut String::new(), &mut Vec::new())?;
    Ok(walk.found.into_iter().collect())
}

/// One walk over a schema. The steps are counted because references let a small schema stand for
/// an immense one.
struct Walk<'a, Found> {
    root: &'a Value,
    steps: usize,
    found: Found,
}

impl<'a, Found> Walk<'a, Found> {
    fn step(&mut self) -> Result<(), GrantError> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            Err(GrantError::TooComplex)
        } else {
            Ok(())
        }
    }

    /// What a local reference points to; nothing for one that leads elsewhere or nowhere.
    fn resolve_reference(&self, schema: &'a Map<String, Value>) -> Option<&'a Value> {
        resolve_reference(self.root, schema.get("$ref")?.as_str()?)
    }
}

impl Walk<'_, Vec<Grant>> {
    fn walk_values(
        &mut self,
        schema: &Value,
        value: &Value,
        pointer: &mut String,
    ) -> Result<(), GrantError> {
        // A chain of references at one value is followed here; the descent below is bounded by the
        // operator's own value.
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
            next = self.resolve_reference(schema);
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
        if let Some(schema) = self.resolve_reference(object) {
            self.walk_schema(schema, pointer, ancestors)?;
        }
        ancestors.pop();
        Ok(())
    }
}

/// Does something one level deeper in a JSON pointer (RFC 6901).
fn with_token<T>(pointer: &mut String, token: &str, inner: impl FnOnce(&mut String) -> T) -> T {
    let outer = pointer.len();
    pointer.push('/');
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
    let result = inner(pointer);
    pointer.truncate(outer);
    result
}

/// The keyword that marks a property.
const KEYWORD: &str = "x-vitals-grant";
/// How many schemas one walk looks at; a schema of 64 KiB that repeats nothing has fewer.
const MAX_STEPS: usize = 10_000;
/// How deep schemas may lie in each other; a schema itself may be 32 deep.
const MAX_DEPTH: usize = 128;
const SHOWN_BYTES: usize = 120;
const POINTER_BYTES: usize = 256;

#[cfg(test)]
mod tests;
