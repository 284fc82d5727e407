//! A serde deserializer for a node of the tree. It skips items and entries that have been reported,
//! and reports unknown keys.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::decode_error::DecodeError;
use crate::diagnostic::Location;
use crate::diagnostics_collector::DiagnosticsCollector;
use crate::tree::{KeyPath, Node, Table, Value};

/// Deserializes one node.
#[derive(Clone, Copy)]
pub(super) struct Decoder<'n> {
    pub(super) node: &'n Node,
    pub(super) path: &'n KeyPath<'n>,
    pub(super) collector: &'n DiagnosticsCollector,
}

impl<'n> Decoder<'n> {
    pub(super) fn report(self, error: DecodeError) -> DecodeError {
        error.report(self.node, self.path, self.collector)
    }

    /// Returns a text that can stand for a number or a boolean: the environment and the command
    /// line have only texts.
    fn bare_text(&self) -> Option<&'n str> {
        match (&self.node.value, &self.node.location) {
            (Value::Text(text), Location::Variable(_) | Location::Argument(_)) => Some(text),
            _ => None,
        }
    }

    fn number(&self) -> Option<i128> {
        match &self.node.value {
            Value::Integer(number) => Some(*number),
            _ => self.bare_text()?.trim().parse().ok(),
        }
    }

    fn boolean(&self) -> Option<bool> {
        if let Value::Boolean(value) = self.node.value {
            return Some(value);
        }
        match self.bare_text()?.trim().to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Some(true),
            "0" | "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    fn table(&self) -> Result<&'n Table, DecodeError> {
        match self.node.table() {
            Some(table) => Ok(table),
            None => expected("a table"),
        }
    }

    fn entries<'de, V: Visitor<'de>>(
        &self,
        table: &'n Table,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_map(Entries {
            rest: table.iter(),
            entry: None,
            parent: *self,
        })
    }
}

impl<'de> Deserializer<'de> for Decoder<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.node.value {
            Value::Text(text) | Value::Datetime(text) => visitor.visit_str(text),
            Value::Integer(number) => match (u64::try_from(*number), i64::try_from(*number)) {
                (Ok(number), _) => visitor.visit_u64(number),
                (_, Ok(number)) => visitor.visit_i64(number),
                _ => expected("a number of 64 bits"),
            },
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Null => visitor.visit_unit(),
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Table(table) => self.entries(table, visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.boolean() {
            Some(value) => visitor.visit_bool(value),
            None => expected("`true` or `false`"),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.number().map(u64::try_from) {
            Some(Ok(number)) => visitor.visit_u64(number),
            _ => expected("a whole number from 0"),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.node.value {
            Value::Text(text) => visitor.visit_str(text),
            _ => expected("a string"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.node.value {
            Value::Text(text) => {
                let word: StrDeserializer<'_, DecodeError> = text.as_str().into_deserializer();
                visitor.visit_enum(word)
            }
            _ => expected("a string"),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.node.value {
            Value::List(items) => visitor.visit_seq(Items {
                rest: items.iter().enumerate(),
                parent: self,
            }),
            _ => expected("a list"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.entries(self.table()?, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let table = self.table()?;
        for (key, node) in table
            .iter()
            .filter(|(key, _)| !fields.contains(&key.as_str()))
        {
            self.collector.unknown_key(node, self.path, key, fields);
        }
        self.entries(table, visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        tuple_struct identifier ignored_any
    }
}

fn expected<T>(what: &str) -> Result<T, DecodeError> {
    Err(DecodeError::Unexpected {
        expected: what.to_owned(),
    })
}

/// The items of a list that have no error.
struct Items<'n> {
    rest: std::iter::Enumerate<std::slice::Iter<'n, Node>>,
    parent: Decoder<'n>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Decoder {
            path, collector, ..
        } = self.parent;
        let Some((index, node)) = self.rest.find(|(_, node)| !collector.has_diagnostic(node))
        else {
            return Ok(None);
        };
        let decoder = Decoder {
            node,
            path: &KeyPath::Item(path, index),
            collector,
        };
        seed.deserialize(decoder)
            .map(Some)
            .map_err(|error| decoder.report(error))
    }
}

/// The entries of a table that have no error.
struct Entries<'n> {
    rest: std::collections::btree_map::Iter<'n, String, Node>,
    entry: Option<(&'n str, &'n Node)>,
    parent: Decoder<'n>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let collector = self.parent.collector;
        let Some((key, node)) = self.rest.find(|(_, node)| !collector.has_diagnostic(node)) else {
            return Ok(None);
        };
        self.entry = Some((key, node));
        let decoder = Decoder {
            node,
            path: &KeyPath::Key(self.parent.path, key),
            collector,
        };
        let key: StrDeserializer<'_, DecodeError> = key.as_str().into_deserializer();
        seed.deserialize(key)
            .map(Some)
            .map_err(|error| decoder.report(error))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let Some((key, node)) = self.entry.take() else {
            return expected("a key before its value");
        };
        let path = KeyPath::Key(self.parent.path, key);
        let decoder = Decoder {
            node,
            path: &path,
            collector: self.parent.collector,
        };
        seed.deserialize(decoder)
            .map_err(|error| decoder.report(error))
    }
}
