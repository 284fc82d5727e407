//! Expands `${NAME}` and `${file:PATH}` in the strings of the configuration file.
//!
//! Expands what the file says once, and never what it has inserted. `$${` is a literal `${`. Keys
//! are not expanded. What is inserted before the `@` of a URL is percent-encoded, so that user and
//! password are what the variables hold and never lead to another host.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::diagnostic::{Diagnostic, Location};
use super::diagnostics_collector::DiagnosticsCollector;
use super::environment::Environment;
use super::tree::{KeyPath, Node, Value};
use vitals_io::regular_file::{self, ReadError};
use vitals_model::Text;

/// What expanding the strings of a file found.
#[derive(Default)]
pub(super) struct Expansion {
    /// The values that were inserted into the `config` and `allow` of checks, into webhooks and into
    /// proxies, and the whole strings that contain them.
    pub(super) secrets: Vec<String>,
    /// Every file that was named, also those that could not be read.
    pub(super) files: BTreeSet<PathBuf>,
    /// What is wrong in the `config` of checks, by the name of the check.
    pub(super) checks: BTreeMap<String, Vec<Diagnostic>>,
}

/// Expands every string below `root`. What is wrong in the `config` of a check is kept for that
/// check; everything else is reported to `collector`.
pub(super) fn expand(
    root: &mut Node,
    environment: &Environment,
    collector: &DiagnosticsCollector,
) -> Expansion {
    let mut walk = Expander {
        environment,
        collector,
        done: Expansion::default(),
    };
    walk.node(root, &KeyPath::Top);
    walk.done
}

struct Expander<'a> {
    environment: &'a Environment,
    collector: &'a DiagnosticsCollector,
    done: Expansion,
}

impl Expander<'_> {
    fn node(&mut self, node: &mut Node, path: &KeyPath<'_>) {
        let from_file = matches!(node.location, Location::Line { .. });
        match &mut node.value {
            Value::Text(text) if from_file && text.contains("${") => match self.text(text) {
                Ok(Expanded {
                    text: expanded,
                    parts,
                }) => {
                    node.secret = !parts.is_empty();
                    if node.secret && is_secret(&path.keys()) {
                        self.done.secrets.push(expanded.clone());
                        self.done.secrets.extend(parts);
                    }
                    *text = expanded;
                }
                Err(ExpandError { message, remedy }) => {
                    let message = format!("`{path}` {message}");
                    let ["checks", check, "config", ..] = path.keys()[..] else {
                        return self.collector.report(node, path, message, remedy);
                    };
                    let of_check = self.done.checks.entry(check.to_owned());
                    of_check.or_default().push(Diagnostic {
                        location: node.location.clone(),
                        key: path.to_string(),
                        message,
                        remedy,
                    });
                }
            },
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.node(item, &KeyPath::Item(path, index));
                }
            }
            Value::Table(table) => {
                for (key, node) in table {
                    self.node(node, &KeyPath::Key(path, key));
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) -> Result<Expanded, ExpandError> {
        let userinfo = userinfo(text);
        let mut parts = Vec::new();
        // Text and parts before and after they are percent-encoded.
        let (mut plain, mut encoded) = (String::new(), String::new());
        let mut push = |part: &str, encoded_part: &str| {
            plain.push_str(part);
            encoded.push_str(encoded_part);
        };
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            push(&rest[..at], &rest[..at]);
            rest = &rest[at..];
            let offset = text.len() - rest.len();
            if let Some(after) = rest.strip_prefix("$${") {
                push("${", "${");
                rest = after;
            } else if let Some(after) = rest.strip_prefix("${") {
                let (reference, after) = after.split_once('}').ok_or_else(|| ExpandError {
                    message: "has a `${` without a `}`".to_owned(),
                    remedy: "write `$${` for a literal `${`".to_owned(),
                })?;
                let part = self.resolve(reference)?;
                if userinfo.contains(&offset) {
                    let encoded_part = utf8_percent_encode(&part, RESERVED).to_string();
                    push(&part, &encoded_part);
                    parts.push(encoded_part);
                } else {
                    push(&part, &part);
                }
                parts.push(part);
                rest = after;
            } else {
                push("$", "$");
                rest = &rest[1..];
            }
        }
        push(rest, rest);
        if plain != encoded {
            parts.push(plain);
        }
        Ok(Expanded {
            text: encoded,
            parts,
        })
    }

    fn resolve(&mut self, reference: &str) -> Result<String, ExpandError> {
        if let Some(path) = reference.strip_prefix("file:") {
            let path = Path::new(path);
            self.done.files.insert(path.to_owned());
            return read(path).map_err(|error| ExpandError {
                message: format!("needs file {}, which cannot be read", path.display()),
                remedy: error.to_string(),
            });
        }
        if !is_variable(reference) {
            let shown = Text::line(reference, MAX_SHOWN_BYTES);
            return Err(ExpandError {
                message: format!("has `${{{shown}}}`, which is not the name of a variable"),
                remedy: "write `${NAME}`, `${file:PATH}`, or `$${` for a literal `${`".to_owned(),
            });
        }
        match self.environment.text(reference) {
            Ok(Some(text)) => Ok(text),
            Ok(None) => Err(ExpandError {
                message: format!("needs environment variable {reference}, which is not set"),
                remedy: "set it, or write `$${` for a literal `${`".to_owned(),
            }),
            Err(_) => Err(ExpandError {
                message: format!("needs environment variable {reference}, which is not UTF-8"),
                remedy: "take it from a file with `${file:PATH}`, or set another value".to_owned(),
            }),
        }
    }
}

/// Returns whether what is inserted at these keys is a secret. Tokens and passwords are secrets
/// wherever they come from.
fn is_secret(keys: &[&str]) -> bool {
    matches!(
        keys,
        ["checks", _, "config" | "allow", ..]
            | ["notify", "webhooks", _, "url"]
            | ["notify", "webhooks", _, "headers", _]
            | ["proxies", _, "user" | "password"]
    )
}

struct Expanded {
    text: String,
    parts: Vec<String>,
}

struct ExpandError {
    message: String,
    remedy: String,
}

/// Where `text`, before it is expanded, has the user and password of a URL (RFC 3986, section 3.2.1);
/// empty if it is no URL or has none.
fn userinfo(text: &str) -> Range<usize> {
    let Some((scheme, after)) = text.split_once("://") else {
        return 0..0;
    };
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if scheme.is_empty() || !scheme.chars().all(is_scheme) {
        return 0..0;
    }
    let start = text.len() - after.len();
    let mut end = start;
    let mut is_reference = false;
    for (at, c) in after.char_indices() {
        match c {
            '$' if after[at..].starts_with("${") => is_reference = true,
            '}' => is_reference = false,
            '@' if !is_reference => end = start + at,
            '/' | '?' | '#' | '\\' if !is_reference => break,
            _ => {}
        }
    }
    start..end
}

/// Everything but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Reads a regular file without a byte order mark and without one newline at its end. Other files may
/// never end.
fn read(path: &Path) -> io::Result<String> {
    let bytes = regular_file::read(path, MAX_FILE_BYTES).map_err(|error| match error {
        ReadError::Io(error) => error,
        ReadError::TooLarge { .. } => io::Error::other("it is larger than 64 KiB"),
        error => io::Error::other(error),
    })?;
    let mut text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))?;
    let line_end = text
        .strip_suffix('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let length = line_end.map_or(text.len(), str::len);
    text.truncate(length);
    if let Some(unmarked) = text.strip_prefix('\u{feff}') {
        text = unmarked.to_owned();
    }
    if text.is_empty() {
        return Err(io::Error::other("it is empty"));
    }
    Ok(text)
}

const MAX_FILE_BYTES: u64 = 64 * 1024;
const MAX_SHOWN_BYTES: usize = 80;

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::{Config, Diagnostics, Environment, Settings, Sources};
    use vitals_model::CheckName;

    use super::*;

    fn parse(text: &str, environment: Environment) -> Result<Config, Diagnostics> {
        Config::parse(
            text,
            Path::new("vitals.toml"),
            &Sources {
                environment,
                ..Sources::default()
            },
        )
    }

    fn settings(config: &Config, check: &str) -> Result<Settings, String> {
        let check = &config.checks[&check.parse::<CheckName>().expect("a name")];
        check.settings.clone().map_err(|found| found.to_string())
    }

    fn config_value(written: &str, environment: Environment) -> Result<String, String> {
        let text = format!("[checks.a]\nplugin = 'p'\nconfig.value = '{written}'");
        let config = parse(&text, environment).expect("the file itself is fine");
        Ok(settings(&config, "a")?.values["value"]
            .as_str()
            .expect("a text")
            .to_owned())
    }

    #[test]
    fn user_and_password_of_a_url_are_what_the_variables_hold() {
        let password = |password: &'static str| {
            let environment =
                Environment::fixed([("U", "localhost"), ("P", password), ("H", "a/b")]);
            move |written: &str| config_value(written, environment.clone()).unwrap()
        };
        for (value, expected) in [
            ("x%41y99", "http://localhost:x%2541y99@127.0.0.1:1/echo"),
            (
                "18080/abcdef",
                "http://localhost:18080%2Fabcdef@127.0.0.1:1/echo",
            ),
            (
                "a#b?c \\@é",
                "http://localhost:a%23b%3Fc%20%5C%40%C3%A9@127.0.0.1:1/echo",
            ),
        ] {
            let value = password(value);
            assert_eq!(value("http://${U}:${P}@127.0.0.1:1/echo"), expected);
        }
        // Elsewhere the variable is inserted as it is.
        let value = password("x%41");
        for (written, expected) in [
            ("http://${H}", "http://a/b"),
            ("http://h/${H}@x", "http://h/a/b@x"),
            ("http://h?q=${P}@x", "http://h?q=x%41@x"),
            ("${P}://u@h", "x%41://u@h"),
            ("${P}@h", "x%41@h"),
        ] {
            assert_eq!(value(written), expected);
        }
    }

    #[test]
    fn inserted_values_are_not_expanded_again() {
        let environment = || Environment::fixed([("A", "${B}"), ("B", "b"), ("EMPTY", "")]);
        let value = |written: &str| config_value(written, environment());
        assert_eq!(value("${B}").as_deref(), Ok("b"));
        assert_eq!(value("x${B}y${B}z").as_deref(), Ok("xbybz"));
        assert_eq!(value("${A}").as_deref(), Ok("${B}"));
        assert_eq!(
            value("$${B} costs $5, $B and $$").as_deref(),
            Ok("${B} costs $5, $B and $$")
        );
        let diagnostic = |what: &str| Err(format!("vitals.toml:3: `checks.a.config.value` {what}"));
        assert_eq!(
            value("${B"),
            diagnostic("has a `${` without a `}`: write `$${` for a literal `${`")
        );
        assert_eq!(
            value("${B-x}"),
            diagnostic(
                "has `${B-x}`, which is not the name of a variable: write `${NAME}`, `${file:PATH}`, or `$${` for a \
             literal `${`"
            )
        );
        for missing in ["NONE", "EMPTY"] {
            assert_eq!(
                value(&format!("${{{missing}}}")),
                diagnostic(&format!(
                    "needs environment variable {missing}, which is not set: set it, or write `$${{` \
                 for a literal `${{`"
                ))
            );
        }
    }

    #[test]
    fn files_are_inserted_without_their_last_newline() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("secret");
        let value = || {
            config_value(
                &format!("<${{file:{}}}>", path.display()),
                Environment::default(),
            )
        };
        for (content, expected) in [
            ("s3cret\n", "<s3cret>"),
            ("s3cret\n\n", "<s3cret\n>"),
            ("s\r\n", "<s>"),
            ("\u{feff}s3cret\n", "<s3cret>"),
        ] {
            fs::write(&path, content).expect("written");
            assert_eq!(value().as_deref(), Ok(expected));
        }
        fs::write(&path, "ä".repeat(32 * 1024 + 1)).expect("written");
        assert!(
            value()
                .expect_err("too large")
                .ends_with("it is larger than 64 KiB")
        );
        for nothing in ["", "\n", "\u{feff}"] {
            fs::write(&path, nothing).expect("written");
            assert!(value().expect_err("nothing").ends_with("it is empty"));
        }
        fs::write(&path, [0xff]).expect("written");
        assert!(value().expect_err("no text").ends_with("it is not UTF-8"));
        fs::remove_file(&path).expect("removed");
        let missing = value().expect_err("not there");
        assert!(
            missing.contains(&format!("needs file {}, which", path.display())),
            "{missing}"
        );
        let special = config_value("${file:/dev/zero}", Environment::default());
        assert!(
            special
                .expect_err("endless")
                .ends_with("it is not a regular file")
        );

        let text = "[checks.a]\nplugin = 'p'\nconfig.value = '${file:/no/such}'";
        let config = parse(text, Environment::default()).expect("the file itself is fine");
        assert_eq!(
            config.referenced_files,
            BTreeSet::from([PathBuf::from("/no/such")])
        );
    }

    #[test]
    fn a_missing_variable_in_config_is_an_error_of_the_check_alone() {
        let text =
            "[plugins]\ndir = '${DIR}'\n[checks.a]\nplugin = 'p'\nconfig.x = ['${A}', '${B}']";
        let found = parse(text, Environment::default()).expect_err("no DIR");
        assert_eq!(
            found.to_string(),
            "vitals.toml:2: `plugins.dir` needs environment variable DIR, which is not set: set it, \
             or write `$${` for a literal `${`"
        );
        let config = parse(text, Environment::fixed([("DIR", "d"), ("B", "b")])).expect("fine");
        assert_eq!(config.plugins.dir, Path::new("d"));
        assert_eq!(
            settings(&config, "a").expect_err("no A"),
            "vitals.toml:5: `checks.a.config.x[0]` needs environment variable A, which is not set: \
             set it, or write `$${` for a literal `${`"
        );
    }

    #[test]
    fn overridden_strings_are_not_expanded() {
        let text = "[plugins]\ndir = '${DIR}'";
        let environment = Environment::fixed([("VITALS_PLUGINS_DIR", "d")]);
        let config = parse(text, environment).expect("DIR is not asked for");
        assert_eq!(config.plugins.dir, Path::new("d"));
    }

    #[test]
    fn a_missing_variable_outside_config_rejects_the_file() {
        let found = parse("[checks.a.allow]\nconfig = '${A}'", Environment::default());
        let found = found.expect_err("unknown key, and no A").to_string();
        assert!(
            found.contains("`checks.a.allow.config` needs environment variable A"),
            "{found}"
        );
    }

    #[test]
    fn inserted_values_are_secrets() {
        let text = "[checks.a]\nplugin = 'p'\n\
            config = { user = 'plain-user', url = 'db://u:${PW}@h', 'a/b' = [1, '${PW}'] }\n\
            allow = { tcp = ['${INSIDE}:5432'] }\n\
            [tools]\ngrafana = 'http://${HOST}'\n[server]\nadmin_token = 'token-of-admin'";
        let variables = [
            ("PW", "hunter2!"),
            ("HOST", "grafana.test"),
            ("INSIDE", "db.inside.test"),
        ];
        let config = parse(text, Environment::fixed(variables)).expect("fine");
        let secrets = settings(&config, "a").expect("fine").secrets;
        assert_eq!(secrets, ["/a~1b/1", "/url"].map(String::from).into());
        let redacted = config.secrets.line(
            "plain-user hunter2! db://u:hunter2!@h token-of-admin tcp db.inside.test:5432",
            1000,
        );
        assert_eq!(
            redacted.as_str(),
            "plain-user [redacted] [redacted] [redacted] tcp [redacted]"
        );
        assert_eq!(
            config.secrets.line("http://grafana.test", 1000).as_str(),
            "http://grafana.test"
        );
        let debugged = format!("{config:?}");
        assert!(
            !debugged.contains("hunter2!") && !debugged.contains("token-of-admin"),
            "{debugged}"
        );
    }

    #[test]
    fn diagnostics_do_not_show_inserted_values() {
        let text = "[defaults]\ninterval = '${I}'\n[checks.a]\nplugin = '${I}'";
        let found = parse(text, Environment::fixed([("I", "Top Secret")])).expect_err("wrong");
        assert_eq!(
            found.to_string(),
            "vitals.toml:2: `defaults.interval` is a secret, which is not a duration from 1ms to \
             24h: write for example \"30s\" or \"1m 30s\" (a number is missing)\n\
             vitals.toml:4: `checks.a.plugin` is a secret that cannot be used"
        );
    }
}
