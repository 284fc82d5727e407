//! From the tree to typed values by serde, with every fault found in one go.
//!
//! A serde error ends the reading of a whole value. Here the node at fault is noted with its place
//! and then left out, and the value is read again, until nothing is at fault. Knows the shape of
//! values, never their meaning.

mod stop;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::diagnose::Location;
use super::faults::Faults;
use super::tree::{Node, Table, Value, Way};
use stop::Stop;

/// Reads a value from `node`. What is wrong with it or within it goes to `faults` and counts as not
/// written; nothing is answered where that leaves no value.
pub(super) fn decode<T: DeserializeOwned>(
    node: &Node,
    way: &Way<'_>,
    faults: &Faults,
) -> Option<T> {
    while !faults.has(node) {
        let decoder = Decoder { node, way, faults };
        match T::deserialize(decoder) {
            Ok(value) => return Some(value),
            Err(stop) => stop.locate(decoder),
        };
    }
    None
}

/// Hands one node to serde.
#[derive(Clone, Copy)]
struct Decoder<'n> {
    node: &'n Node,
    way: &'n Way<'n>,
    faults: &'n Faults,
}

impl<'n> Decoder<'n> {
    /// Whether the text can stand for a number or a boolean: the environment and the command line
    /// have no other way to write one.
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

    fn table(&self) -> Result<&'n Table, Stop> {
        match self.node.table() {
            Some(table) => Ok(table),
            None => expected("a table"),
        }
    }

    fn entries<'de, V: Visitor<'de>>(
        &self,
        table: &'n Table,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_map(Entries {
            rest: table.iter(),
            entry: None,
            parent: *self,
        })
    }
}

impl<'de> Deserializer<'de> for Decoder<'_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match &self.node.value {
            Value::Text(text) | Value::Datetime(text) => visitor.visit_str(text),
            Value::Integer(number) => match (u64::try_from(*number), i64::try_from(*number)) {
                (Ok(number), _) => visitor.visit_u64(number),
                (_, Ok(number)) => visitor.visit_i64(number),
                _ => expected("a number of 64 bits"),
            },
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Table(table) => self.entries(table, visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.boolean() {
            Some(value) => visitor.visit_bool(value),
            None => expected("`true` or `false`"),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.number().map(u64::try_from) {
            Some(Ok(number)) => visitor.visit_u64(number),
            _ => expected("a whole number from 0"),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match &self.node.value {
            Value::Text(text) => visitor.visit_str(text),
            _ => expected("a string"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match &self.node.value {
            Value::Text(text) => {
                let word: StrDeserializer<'_, Stop> = text.as_str().into_deserializer();
                visitor.visit_enum(word)
            }
            _ => expected("a string"),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match &self.node.value {
            Value::List(items) => visitor.visit_seq(Items {
                rest: items.iter().enumerate(),
                parent: self,
            }),
            _ => expected("a list"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.entries(self.table()?, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let table = self.table()?;
        for (key, node) in table
            .iter()
            .filter(|(key, _)| !fields.contains(&key.as_str()))
        {
            self.faults.unknown_key(node, self.way, key, fields);
        }
        self.entries(table, visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        tuple_struct identifier ignored_any
    }
}

fn expected<T>(what: &str) -> Result<T, Stop> {
    Err(Stop::Unexpected {
        expected: what.to_owned(),
    })
}

/// The items of a list that have no fault.
struct Items<'n> {
    rest: std::iter::Enumerate<std::slice::Iter<'n, Node>>,
    parent: Decoder<'n>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Stop> {
        let Decoder { way, faults, .. } = self.parent;
        let Some((index, node)) = self.rest.find(|(_, node)| !faults.has(node)) else {
            return Ok(None);
        };
        let decoder = Decoder {
            node,
            way: &Way::Item(way, index),
            faults,
        };
        seed.deserialize(decoder)
            .map(Some)
            .map_err(|stop| stop.locate(decoder))
    }
}

/// The entries of a table that have no fault.
struct Entries<'n> {
    rest: std::collections::btree_map::Iter<'n, String, Node>,
    entry: Option<(&'n str, &'n Node)>,
    parent: Decoder<'n>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stop> {
        let faults = self.parent.faults;
        let Some((key, node)) = self.rest.find(|(_, node)| !faults.has(node)) else {
            return Ok(None);
        };
        self.entry = Some((key, node));
        let decoder = Decoder {
            node,
            way: &Way::Key(self.parent.way, key),
            faults,
        };
        let key: StrDeserializer<'_, Stop> = key.as_str().into_deserializer();
        seed.deserialize(key)
            .map(Some)
            .map_err(|stop| stop.locate(decoder))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        let Some((key, node)) = self.entry.take() else {
            return expected("a key before its value");
        };
        let way = Way::Key(self.parent.way, key);
        let decoder = Decoder {
            node,
            way: &way,
            faults: self.parent.faults,
        };
        seed.deserialize(decoder)
            .map_err(|stop| stop.locate(decoder))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use crate::Config;

    fn complaints(text: &str) -> Vec<String> {
        let found = text.parse::<Config>().expect_err("something is wrong");
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_fault_is_found_at_once_and_named_once() {
        let text = r#"
[server]
listen = "here"
unhealthy_status = 500
details = "sometimes"
port = 80

[defaults]
interval = "5 sconds"
critical = "yes"
fall = 0
limits.fuel = -1

[checks.orders-db]
plugin = "postgres"
intervall = "15s"
allow = { tcp = ["a:1", 5, "b:2", true], htp = [] }
config = 7

[tools]
grafana = "nowhere"
"#;
        let expected = [
            "vitals.toml:3: `server.listen` is `here`, which is not an IP address with a port: write \
             for example \"127.0.0.1:8000\"",
            "vitals.toml:4: `server.unhealthy_status` is 500, which is not 200 or 503",
            "vitals.toml:5: `server.details` is `sometimes`, which is not known: write `always` or \
             `authorized`",
            "vitals.toml:6: unknown key `port` in `[server]`: known are `listen`, \
             `unhealthy_status`, `details`, `admin_token`, `hosts`, `startup_grace` and \
             `shutdown_grace`",
            "vitals.toml:9: `defaults.interval` is `5 sconds`, which is not a duration from 1ms to \
             24h: write for example \"30s\" or \"1m 30s\" (its unit is none of `d`, `h`, `m`, `s`, \
             `ms`, `us` and `ns`)",
            "vitals.toml:10: `defaults.critical` is `yes`, which is not `true` or `false`",
            "vitals.toml:11: `defaults.fall` is 0, which is not a whole number from 1 to 1000",
            "vitals.toml:12: `defaults.limits.fuel` is -1, which is not a whole number from 1",
            "vitals.toml:16: unknown key `intervall` in `[checks.orders-db]`: did you mean \
             `interval`?",
            "vitals.toml:17: `checks.orders-db.allow.tcp[1]` is 5, which is not a string",
            "vitals.toml:17: `checks.orders-db.allow.tcp[3]` is true, which is not a string",
            "vitals.toml:17: unknown key `htp` in `[checks.orders-db.allow]`: did you mean `http`?",
            "vitals.toml:18: `checks.orders-db.config` is 7, which is not a table",
            "vitals.toml:21: `tools.grafana` is `nowhere`, which is not an http or https URL: write \
             for example \"http://grafana.example.com:3000\"",
        ];
        assert_eq!(complaints(text), expected);
    }

    #[test]
    fn a_wrong_type_anywhere_is_one_fault() {
        assert_eq!(
            complaints("server = 5"),
            ["vitals.toml:1: `server` is 5, which is not a table"]
        );
        assert_eq!(
            complaints("checks = []"),
            ["vitals.toml:1: `checks` is a list, which is not a table"]
        );
        assert_eq!(
            complaints("[checks]\na = 1"),
            ["vitals.toml:2: `checks.a` is 1, which is not a table"]
        );
        assert_eq!(
            complaints("[tls]\nroots = 'system'"),
            ["vitals.toml:2: `tls.roots` is `system`, which is not a list"]
        );
        assert_eq!(
            complaints("[server]\ndetails = 1"),
            ["vitals.toml:2: `server.details` is 1, which is not a string"]
        );
        assert_eq!(
            complaints("[defaults]\ninterval = 30"),
            [
                "vitals.toml:2: `defaults.interval` is 30, which is not a duration from 1ms to 24h: \
                 write for example \"30s\" or \"1m 30s\""
            ]
        );
    }

    #[test]
    fn unknown_tables_are_named_without_a_place() {
        assert_eq!(
            complaints("[sever]\nlisten = ''"),
            ["vitals.toml:1: unknown key `sever`: did you mean `server`?"]
        );
    }

    #[test]
    fn names_and_digests_say_what_they_are() {
        let text = "[checks.a]\nplugin = 'Postgres'\nsha256 = 'abc'";
        assert_eq!(
            complaints(text),
            [
                "vitals.toml:2: `checks.a.plugin`: `Postgres` is no name of a plugin: write 1 to 64 of \
             a-z, 0-9, `.`, `_` and `-`, the first a letter or a digit",
                "vitals.toml:3: `checks.a.sha256`: `abc` is no SHA-256 digest: write the 64 hexadecimal \
             digits that `sha256sum` prints",
            ]
        );
    }

    #[test]
    fn a_secret_is_never_shown() {
        let text = "[server]\nadmin_token = 'two words'\n[metrics]\ntoken = 'a b'\n\
                    [sentry]\ndsn = 12345678";
        assert_eq!(
            complaints(text),
            [
                "vitals.toml:2: `server.admin_token` is a secret, which is not a token: write one or \
             more letters, digits and signs, without spaces",
                "vitals.toml:4: `metrics.token` is a secret, which is not a token: write one or more \
             letters, digits and signs, without spaces",
                "vitals.toml:6: `sentry.dsn` is a secret, which is not a Sentry DSN: write for example \
             \"https://key@sentry.example.com/1\"",
            ]
        );
    }

    proptest! {
        /// Whatever a file says, reading it ends, and each node is named once.
        #[test]
        fn reading_ends_whatever_the_file_says(lines in prop::collection::vec(
            (prop::sample::select(KEYS), prop::sample::select(VALUES)), 0..12,
        )) {
            let lines: Vec<_> = lines.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            if let Err(found) = lines.join("\n").parse::<Config>() {
                let mut seen = HashSet::new();
                for diagnostic in &found {
                    let key = (diagnostic.location.clone(), diagnostic.key.clone());
                    prop_assert!(seen.insert(key), "twice: {diagnostic}");
                }
            }
        }
    }

    const KEYS: &[&str] = &[
        "server",
        "server.listen",
        "defaults.timeout",
        "defaults.limits",
        "checks",
        "checks.a.plugin",
        "checks.a.config.x",
        "checks.a.allow.tcp",
        "checks.a.limits.memory",
        "checks.B.interval",
        "tls.roots",
        "tools.x",
        "nothing.of.it",
    ];
    const VALUES: &[&str] = &[
        "1",
        "'30s'",
        "'${X}'",
        "[1, ['${X']]",
        "{ a = 1, limits = {} }",
        "nan",
        "true",
        "1979-05-27",
    ];
}
