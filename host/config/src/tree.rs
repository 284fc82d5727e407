//! The configuration as it is written: a tree of values, each with its location.
//!
//! The file, the environment and the command line become one tree, so that later steps do not care
//! where a value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Diagnostics, Location};
use vitals_model::Text;

#[derive(Clone)]
pub(super) struct Node {
    pub(super) location: Location,
    /// Whether the value must not be shown: it came from `${…}`, or is a secret by its nature.
    pub(super) secret: bool,
    pub(super) value: Value,
}

/// A table, its keys in alphabetical order. The location of a table is that of its key.
pub(super) type Table = BTreeMap<String, Node>;

/// A value of TOML, or none.
#[derive(Clone)]
pub(super) enum Value {
    /// No value. Only a setting of a program can have none.
    Null,
    Text(String),
    Integer(i128),
    Float(f64),
    Boolean(bool),
    /// A date or time as in RFC 3339, or a part of it, as it was written.
    Datetime(String),
    List(Vec<Node>),
    Table(Table),
}

/// The path of a node from the top of the file.
#[derive(Clone, Copy)]
pub(super) enum KeyPath<'w> {
    Top,
    Key(&'w KeyPath<'w>, &'w str),
    Item(&'w KeyPath<'w>, usize),
}

impl Node {
    pub(super) fn empty() -> Self {
        Self {
            location: Location::Program,
            secret: false,
            value: Value::Table(Table::new()),
        }
    }

    /// Parses a TOML document.
    ///
    /// # Errors
    ///
    /// The first place at which the text is not TOML.
    pub(super) fn parse(text: &str, file: &Arc<Path>) -> Result<Self, Diagnostics> {
        let source = Source::new(text, file);
        match DeTable::parse(text) {
            Ok(table) => {
                let location = Location::File(file.clone());
                Ok(source.node(location, DeValue::Table(table.into_inner())))
            }
            Err(error) => {
                let location = source.location(error.span().map_or(text.len(), |span| span.start));
                let column = match location {
                    Location::Line { column, .. } => column,
                    _ => 1,
                };
                let problem = error.message().trim_end().replace('\n', ", ");
                Err(Diagnostics::from(Diagnostic {
                    location,
                    key: String::new(),
                    message: format!("not TOML at column {column}"),
                    remedy: problem,
                }))
            }
        }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn find(&self, path: &[&str]) -> Option<&Self> {
        path.iter()
            .try_fold(self, |node, key| node.table()?.get(*key))
    }

    pub(super) fn find_mut(&mut self, path: &[&str]) -> Option<&mut Self> {
        path.iter()
            .try_fold(self, |node, key| node.table_mut()?.get_mut(*key))
    }

    /// Puts `node` at a path of keys, in place of what is there, and adds missing tables. Leaves a
    /// value that is not a table as it is, to be reported.
    pub(super) fn put(&mut self, path: &[&str], node: Node) {
        match path {
            [] => *self = node,
            [key, rest @ ..] => {
                let place = Node {
                    location: node.location.clone(),
                    ..Node::empty()
                };
                if let Some(table) = self.table_mut() {
                    table
                        .entry((*key).to_owned())
                        .or_insert(place)
                        .put(rest, node);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, path: &[&str]) {
        if let [parents @ .., key] = path
            && let Some(table) = self.find_mut(parents).and_then(Self::table_mut)
        {
            table.remove(*key);
        }
    }

    /// Marks the value at a path of keys, so that no diagnostic shows it.
    pub(super) fn mark_secret(&mut self, path: &[&str]) {
        if let Some(node) = self.find_mut(path) {
            node.secret = true;
        }
    }

    /// Describes the value for a diagnostic.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            _ if self.secret => "a secret".to_owned(),
            Value::Null => "nothing".to_owned(),
            Value::Text(text) => format!("`{}`", Text::line(text, MAX_SHOWN_BYTES)),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Boolean(value) => value.to_string(),
            Value::Datetime(text) => format!("`{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

impl KeyPath<'_> {
    /// Returns the keys from the top. An item of a list has an empty one.
    pub(super) fn keys(&self) -> Vec<&str> {
        let (parent, key) = match self {
            Self::Top => return Vec::new(),
            Self::Key(parent, key) => (parent, *key),
            Self::Item(parent, _) => (parent, ""),
        };
        let mut keys = parent.keys();
        keys.push(key);
        keys
    }

    /// Returns the path as a JSON pointer (RFC 6901).
    pub(super) fn pointer(&self) -> String {
        match self {
            Self::Top => String::new(),
            Self::Key(parent, key) => {
                let key = key.replace('~', "~0").replace('/', "~1");
                format!("{}/{key}", parent.pointer())
            }
            Self::Item(parent, index) => format!("{}/{index}", parent.pointer()),
        }
    }
}

/// As TOML writes it: `checks.orders-db."a b"[2]`.
impl fmt::Display for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Key(parent, key) => {
                parent.fmt(f)?;
                if !matches!(parent, Self::Top) {
                    f.write_str(".")?;
                }
                let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                if !key.is_empty() && key.chars().all(bare) {
                    f.write_str(key)
                } else {
                    write!(f, "{:?}", Text::line(key, MAX_SHOWN_BYTES).as_str())
                }
            }
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// The text of a file, to find the line of a byte.
struct Source<'t> {
    text: &'t str,
    file: &'t Arc<Path>,
    line_starts: Vec<usize>,
}

impl<'t> Source<'t> {
    fn new(text: &'t str, file: &'t Arc<Path>) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(after_breaks).collect();
        Self {
            text,
            file,
            line_starts,
        }
    }

    fn location(&self, byte: usize) -> Location {
        let byte = byte.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= byte);
        let start = self.line_starts[line - 1];
        let before = self
            .text
            .get(start..byte)
            .map_or(byte - start, |text| text.chars().count());
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Location::Line {
            file: self.file.clone(),
            line: number(line),
            column: number(before + 1),
        }
    }

    fn node(&self, location: Location, value: DeValue<'_>) -> Node {
        let value = match value {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => {
                match i128::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Value::Integer(number),
                    // More than 128 bits: no key accepts it, whatever its exact value.
                    Err(_) => Value::Integer(i128::MAX),
                }
            }
            // Rust parses every float of TOML. Numbers that are too large are `inf`.
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => Value::Boolean(value),
            DeValue::Datetime(datetime) => Value::Datetime(datetime.to_string()),
            DeValue::Array(items) => {
                let items = items.into_iter().map(|item| self.spanned(item, None));
                Value::List(items.collect())
            }
            DeValue::Table(table) => {
                let entries = table.into_iter().map(|(key, value)| {
                    let at = key.span().start;
                    (key.into_inner().into_owned(), self.spanned(value, Some(at)))
                });
                Value::Table(entries.collect())
            }
        };
        Node {
            location,
            secret: false,
            value,
        }
    }

    fn spanned(&self, value: Spanned<DeValue<'_>>, key: Option<usize>) -> Node {
        let at = match (value.get_ref(), key) {
            (DeValue::Table(_), Some(key)) => key,
            _ => value.span().start,
        };
        self.node(self.location(at), value.into_inner())
    }
}

const MAX_SHOWN_BYTES: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Node, Diagnostics> {
        Node::parse(text, &Arc::from(Path::new("vitals.toml")))
    }

    fn place(node: &Node, path: &[&str]) -> (u32, u32) {
        match node.find(path).map(|node| &node.location) {
            Some(Location::Line { line, column, .. }) => (*line, *column),
            other => panic!("{path:?}: {other:?}"),
        }
    }

    #[test]
    fn every_value_knows_its_line() {
        let text = "a = 1\n[t.u]\n'ä' = { b = 'x' }\nlist = [\n  1,\n  2,\n]\n[[x]]\ny = 1\n";
        let node = parse(text).expect("toml");
        assert_eq!(place(&node, &["a"]), (1, 5));
        assert_eq!(place(&node, &["t", "u"]), (2, 4));
        assert_eq!(place(&node, &["t", "u", "ä"]), (3, 1));
        assert_eq!(place(&node, &["t", "u", "ä", "b"]), (3, 13));
        assert_eq!(place(&node, &["t", "u", "list"]), (4, 8));
        let list = node.find(&["t", "u", "list"]).expect("list");
        let Value::List(items) = &list.value else {
            panic!("no list")
        };
        assert!(matches!(
            items[1].location,
            Location::Line {
                line: 6,
                column: 3,
                ..
            }
        ));
    }

    #[test]
    fn invalid_toml_is_reported_with_its_location() {
        let error = parse("a = 1\nb = oops\n")
            .err()
            .expect("no toml")
            .to_string();
        assert!(
            error.starts_with("vitals.toml:2: not TOML at column 5: "),
            "{error}"
        );
        let error = parse("a = 1\na = 2\n").err().expect("no toml").to_string();
        assert_eq!(error, "vitals.toml:2: not TOML at column 1: duplicate key");
    }

    #[test]
    fn numbers_are_read_in_every_notation() {
        let node = parse("a = 500_000_000\nb = 0xff\nc = -1\nd = 1_0.5e1\ne = inf").expect("toml");
        let shown = |key: &str| node.find(&[key]).map(Node::describe);
        assert_eq!(shown("a").as_deref(), Some("500000000"));
        assert_eq!(shown("b").as_deref(), Some("255"));
        assert_eq!(shown("c").as_deref(), Some("-1"));
        assert_eq!(shown("d").as_deref(), Some("105"));
        assert_eq!(shown("e").as_deref(), Some("inf"));
    }

    #[test]
    fn paths_are_written_as_toml_and_as_json_pointers() {
        let top = KeyPath::Top;
        let checks = KeyPath::Key(&top, "checks");
        let odd = KeyPath::Key(&checks, "a/b ~");
        let item = KeyPath::Item(&odd, 2);
        assert_eq!(item.to_string(), "checks.\"a/b ~\"[2]");
        assert_eq!(item.pointer(), "/checks/a~1b ~0/2");
    }

    #[test]
    fn put_replaces_the_value_at_a_path() {
        let mut node = parse("metrics = 5\nserver.listen = 'here'").expect("toml");
        for path in [
            ["server", "listen"],
            ["metrics", "enabled"],
            ["tools", "grafana"],
        ] {
            node.put(
                &path,
                Node {
                    value: Value::Integer(1),
                    ..Node::empty()
                },
            );
        }
        let shown = |path: &[&str]| node.find(path).map(Node::describe);
        assert_eq!(shown(&["server", "listen"]).as_deref(), Some("1"));
        assert_eq!(shown(&["tools", "grafana"]).as_deref(), Some("1"));
        assert_eq!(shown(&["metrics"]).as_deref(), Some("5"));
    }
}
