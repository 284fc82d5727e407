//! The part of JSON Schema (2020-12) that settings need.

use std::any::type_name;

use serde_json::{Map, Value, json};

use super::Config;
use super::object::{Field, Fields, Object};

/// The JSON Schema of a value: a set of keywords.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema(Map<String, Value>);

impl Schema {
    /// Makes a schema that accepts everything.
    pub fn anything() -> Self {
        Self::default()
    }

    /// Makes a schema that accepts one JSON type: `string`, `integer`, `number`, `boolean`, `array`
    /// or `object`.
    pub fn of_type(name: &str) -> Self {
        Self::anything().with("type", name)
    }

    /// Sets a keyword.
    #[must_use]
    pub fn with(mut self, keyword: &str, value: impl Into<Value>) -> Self {
        self.0.insert(keyword.to_owned(), value.into());
        self
    }

    /// Sets the description, unless `text` is empty.
    #[must_use]
    pub fn described(self, text: &str) -> Self {
        if text.is_empty() {
            self
        } else {
            self.with("description", text)
        }
    }

    /// Sets the name of the type in one or two words, singular: `duration`. Tables of settings show
    /// it where `string` would say too little.
    #[must_use]
    pub fn called(self, what: &str) -> Self {
        self.with("x-vitals-type", what)
    }

    /// Sets a keyword on the schema of the items if this is an array, otherwise on the schema
    /// itself.
    fn mark(mut self, keyword: &str, value: Value) -> Self {
        match self.0.get_mut("items") {
            Some(Value::Object(items)) => {
                items.insert(keyword.to_owned(), value);
                self
            }
            _ => self.with(keyword, value),
        }
    }
}

impl From<Schema> for Value {
    fn from(schema: Schema) -> Self {
        Self::Object(schema.0)
    }
}

/// The schemas of named types, each once: the `$defs` of the document. A [`Config::schema`] written
/// by hand passes it on to the types inside.
#[derive(Debug, Default)]
pub struct Definitions(Vec<Definition>);

#[derive(Debug)]
struct Definition {
    /// Distinguishes two types with the same name.
    type_name: &'static str,
    name: String,
    uses: usize,
    /// `None` while the schema is being made; a recursive type meets that.
    schema: Option<Schema>,
}

impl Definitions {
    /// Returns a reference to the schema of `T`. The first call makes the schema with `make`.
    pub fn reference<T>(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Schema) -> Schema {
        let type_name = type_name::<T>();
        let known = self
            .0
            .iter()
            .position(|definition| definition.type_name == type_name);
        let index = known.unwrap_or_else(|| {
            let index = self.0.len();
            let name = self.free_name(name);
            self.0.push(Definition {
                type_name,
                name,
                uses: 0,
                schema: None,
            });
            self.0[index].schema = Some(make(self));
            index
        });
        let definition = &mut self.0[index];
        definition.uses += 1;
        Schema::anything().with("$ref", format!("#/$defs/{}", definition.name))
    }

    /// Makes the schema of an object with these fields. `add_to` adds the type of each field, in
    /// order.
    #[doc(hidden)]
    pub fn object(
        &mut self,
        doc: &str,
        fields: &[Field],
        add_to: impl FnOnce(&mut Properties<'_>),
    ) -> Schema {
        let mut properties = Properties {
            definitions: self,
            fields: fields.iter(),
            schemas: Map::new(),
            required: Vec::new(),
        };
        add_to(&mut properties);
        let Properties {
            schemas, required, ..
        } = properties;
        let schema = Schema::of_type("object")
            .described(doc)
            .with("properties", schemas)
            .with("additionalProperties", false);
        // JSON objects have no order, but people read settings in the order in which the author
        // declared them.
        let schema = if fields.len() > 1 {
            let order: Vec<Value> = fields.iter().map(|field| field.key.into()).collect();
            schema.with("x-vitals-order", order)
        } else {
            schema
        };
        if required.is_empty() {
            schema
        } else {
            schema.with("required", required)
        }
    }

    /// Makes the schema of `T` as a document of its own.
    pub(super) fn document<T: Config>() -> Value {
        let mut definitions = Self::default();
        let mut root = T::schema(&mut definitions);
        // The schema of the settings is the root itself, unless the type is recursive.
        let own = type_name::<T>();
        if let Some(index) = definitions
            .0
            .iter()
            .position(|definition| definition.type_name == own && definition.uses == 1)
            && let Some(schema) = definitions.0.remove(index).schema
        {
            root = schema;
        }
        let all: Map<String, Value> = definitions
            .0
            .into_iter()
            .filter_map(|definition| Some((definition.name, definition.schema?.into())))
            .collect();
        if !all.is_empty() {
            root = root.with("$defs", all);
        }
        root.with("$schema", "https://json-schema.org/draft/2020-12/schema")
            .into()
    }

    fn free_name(&self, name: &str) -> String {
        let taken = |name: &str| self.0.iter().any(|definition| definition.name == name);
        let mut free = name.to_owned();
        let mut number = 2;
        while taken(&free) {
            free = format!("{name}{number}");
            number += 1;
        }
        free
    }
}

/// The properties of an object under construction.
#[doc(hidden)]
#[derive(Debug)]
pub struct Properties<'a> {
    definitions: &'a mut Definitions,
    fields: std::slice::Iter<'a, Field>,
    schemas: Map<String, Value>,
    required: Vec<Value>,
}

impl Properties<'_> {
    /// Adds the next field with this type.
    pub fn next<T: Config>(&mut self) {
        let Some(field) = self.fields.next() else {
            return;
        };
        let mut schema = T::schema(self.definitions).described(field.doc);
        match field.grant {
            [] => {}
            [kind] => schema = schema.mark("x-vitals-grant", (*kind).into()),
            kinds => schema = schema.mark("x-vitals-grant", kinds.into()),
        }
        if field.secret {
            schema = schema.with("writeOnly", true);
        }
        for (keyword, bound) in [("minimum", field.minimum), ("maximum", field.maximum)] {
            if let Some(bound) = bound {
                schema = schema.with(keyword, bound());
            }
        }
        match field.default {
            Some(default) => {
                let default = default();
                let mut written = Object::with(field.key, default.clone());
                if let Err(error) = written.take::<T>(field) {
                    panic!("the default of a setting is not valid: {error}");
                }
                if !default.is_null() {
                    schema = schema.with("default", default);
                }
            }
            None if T::absent().is_none() => self.required.push(field.key.into()),
            None => {}
        }
        self.schemas.insert(field.key.to_owned(), schema.into());
    }
}

/// Makes the schema of a struct.
#[doc(hidden)]
pub fn struct_schema<T: Fields>(name: &str, definitions: &mut Definitions) -> Schema {
    definitions.reference::<T>(name, |definitions| {
        definitions.object(T::DOC, T::ALL, T::add_to)
    })
}

/// Makes the schema of an enum whose variants have no data.
#[doc(hidden)]
pub fn names(doc: &str, variants: &[(&str, &str)]) -> Schema {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(Some(doc.to_owned()).filter(|doc| !doc.is_empty()));
    let documented = variants.iter().filter(|(_, doc)| !doc.is_empty());
    lines.extend(documented.map(|(name, doc)| format!("- `{name}`: {doc}")));
    let names: Vec<Value> = variants
        .iter()
        .map(|(name, _)| Value::from(*name))
        .collect();
    Schema::of_type("string")
        .with("enum", names)
        .described(&lines.join("\n"))
}

/// Makes the schema of a variant without data in an enum that also has variants with data.
#[doc(hidden)]
pub fn name(name: &str, doc: &str) -> Value {
    Schema::anything().with("const", name).described(doc).into()
}

/// Makes the schema of a variant that is written as an object with one key.
#[doc(hidden)]
pub fn variant(name: &str, doc: &str, inner: Schema) -> Value {
    Schema::of_type("object")
        .described(doc)
        .with("properties", json!({ name: Value::from(inner) }))
        .with("required", json!([name]))
        .with("additionalProperties", false)
        .into()
}
