//! Where a configuration comes from: the file, and the keys that the environment and the command
//! line override.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Location};
use super::diagnostics_collector::DiagnosticsCollector;
use super::environment::{CONFIG, Environment, LOG, LOG_FORMAT, VARIABLES};
use super::sections::{LogFormat, Logging};
use super::tree::Node;
use vitals_model::Text;

/// Where to read a configuration from. The host keeps it to read the configuration again.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Sources {
    /// The file that the command line names. Default: the file that `VITALS_CONFIG` names, or else
    /// `vitals.toml` in [`Sources::directory`] if it exists, or else none.
    pub file: Option<PathBuf>,
    /// The directory of `vitals.toml`. Default: empty, the working directory.
    pub directory: PathBuf,
    /// The environment. Default: empty.
    pub environment: Environment,
    /// The keys that the command line sets. They override everything else. Default: none.
    pub arguments: Vec<Argument>,
}

/// A key of the configuration that the command line sets.
#[derive(Clone, Debug)]
pub struct Argument {
    /// The argument, as diagnostics name it: `--listen`.
    pub name: String,
    /// The key, dotted: `server.listen`.
    pub key: String,
    /// The value. Numbers and booleans are parsed from the text.
    pub value: String,
}

impl Sources {
    /// Returns the environment of this process, and the file that the command line names.
    pub fn process(file: Option<PathBuf>) -> Self {
        Self {
            file,
            environment: Environment::process(),
            ..Self::default()
        }
    }

    /// Returns the file to read, and whether it was named explicitly.
    pub(super) fn select_file(&self) -> (PathBuf, bool) {
        match (&self.file, self.environment.get(CONFIG)) {
            (Some(file), _) => (file.clone(), true),
            (None, Some(file)) => (PathBuf::from(file), true),
            (None, None) => (self.directory.join(DEFAULT_FILE), false),
        }
    }

    /// Returns the file that is read, or that would be read if it existed.
    pub fn path(&self) -> PathBuf {
        self.select_file().0
    }

    /// Overrides what the file says by what the environment and the command line say.
    pub(super) fn overlay(&self, root: &mut Node, collector: &DiagnosticsCollector) {
        for (variable, key) in VARIABLES.iter().filter_map(|v| Some((v, v.key?))) {
            match self.environment.text(variable.name) {
                Ok(Some(value)) => {
                    let location = Location::Variable(variable.name.to_owned());
                    put(root, key, location, value);
                }
                Ok(None) => {}
                Err(error) => collector.push(Diagnostic {
                    key: key.to_owned(),
                    ..error
                }),
            }
        }
        for Argument { name, key, value } in &self.arguments {
            put(root, key, Location::Argument(name.clone()), value.clone());
        }
    }

    /// Reads the variables for the log.
    pub(super) fn logging(&self, collector: &DiagnosticsCollector) -> Logging {
        let read = |name| self.environment.collect(name, collector);
        let format = match read(LOG_FORMAT).as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => {
                let message = format!("`{}` is not a log format", Text::line(other, 40));
                let remedy = "write `text` or `json`";
                collector.push(Diagnostic::of_variable(LOG_FORMAT, message, remedy));
                LogFormat::Text
            }
        };
        Logging {
            filter: read(LOG),
            format,
        }
    }
}

fn put(root: &mut Node, key: &str, location: Location, value: String) {
    let path: Vec<_> = key.split('.').collect();
    let node = Node {
        location,
        ..Node::text(value)
    };
    root.put(&path, node);
}

/// The file to read if none is named.
pub(super) const DEFAULT_FILE: &str = "vitals.toml";

/// Returns the location of a file as a whole.
pub(super) fn whole(file: &Path) -> Location {
    Location::File(Arc::from(file))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Config, Diagnostics, Origin};

    fn parse(
        text: &str,
        variables: &[(&str, &str)],
        arguments: &[(&str, &str, &str)],
    ) -> Result<Config, Diagnostics> {
        let arguments = arguments.iter().map(|&(name, key, value)| Argument {
            name: name.into(),
            key: key.into(),
            value: value.into(),
        });
        let sources = Sources {
            environment: Environment::fixed(variables.iter().copied()),
            arguments: arguments.collect(),
            ..Sources::default()
        };
        Config::parse(text, Path::new("vitals.toml"), &sources)
    }

    #[test]
    fn the_command_line_overrides_the_environment_and_that_the_file() {
        let file = "[server]\nlisten = '127.0.0.1:1'";
        let port = |variables: &[(&str, &str)], arguments: &[(&str, &str, &str)]| {
            parse(file, variables, arguments)
                .expect("fine")
                .server
                .listen
                .port()
        };
        let variable = [("VITALS_LISTEN", "127.0.0.1:2")];
        let argument = [("--listen", "server.listen", "127.0.0.1:3")];
        assert_eq!(Config::default().server.listen.port(), 8000);
        assert_eq!(port(&[], &[]), 1);
        assert_eq!(port(&variable, &[]), 2);
        assert_eq!(port(&variable, &argument), 3);
        assert_eq!(port(&[("VITALS_LISTEN", "")], &[]), 1);
    }

    #[test]
    fn diagnostics_name_the_variable_or_the_argument() {
        let found = parse(
            "",
            &[
                ("VITALS_LISTEN", "8000"),
                ("ENABLE_METRICS", "maybe"),
                ("VITALS_LOG_FORMAT", "xml"),
                ("VITALS_ADMIN_TOKEN", "with space"),
            ],
            &[
                ("--set", "engine.max_runs", "many"),
                ("--set", "engine.fast", "1"),
            ],
        );
        assert_eq!(
            found.expect_err("six").to_string(),
            "environment variable ENABLE_METRICS: `metrics.enabled` is `maybe`, which is not `true` \
             or `false`\n\
             environment variable VITALS_ADMIN_TOKEN: `server.admin_token` is a secret, which is \
             not a token: write printable ASCII characters without spaces\n\
             environment variable VITALS_LISTEN: `server.listen` is `8000`, which is not an IP \
             address with a port: write for example \"127.0.0.1:8000\"\n\
             environment variable VITALS_LOG_FORMAT: `xml` is not a log format: write `text` or \
             `json`\n\
             --set: unknown key `fast` in `[engine]`: the known keys are `max_runs` and `guest_threads`\n\
             --set: `engine.max_runs` is `many`, which is not a whole number from 1 to 4096"
        );
    }

    #[test]
    fn numbers_are_parsed_from_arguments() {
        let config = parse("", &[], &[("--max-runs", "engine.max_runs", "7")]).expect("fine");
        assert_eq!(config.engine.max_runs, 7);
        let text = parse("[engine]\nmax_runs = '7'", &[], &[]).expect_err("a string in the file");
        assert!(
            text.to_string()
                .contains("`engine.max_runs` is `7`, which is not a whole number")
        );
    }

    #[test]
    fn a_named_file_is_read_in_place_of_the_default_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, runs: u32| {
            let path = directory.path().join(name);
            fs::write(&path, format!("[engine]\nmax_runs = {runs}")).expect("written");
            path
        };
        let variable = write("variable.toml", 2);
        let load = |file: Option<PathBuf>, variable: &str| {
            let environment = Environment::fixed([("VITALS_CONFIG", variable)]);
            let directory = directory.path().to_owned();
            Config::load(&Sources {
                file,
                directory,
                environment,
                arguments: Vec::new(),
            })
        };
        let none = load(None, "").expect("defaults");
        assert_eq!((none.engine.max_runs, none.origin), (64, Origin::Defaults));
        let default = write(DEFAULT_FILE, 1);
        let found = load(None, "").expect("the default file");
        assert_eq!(
            (found.engine.max_runs, found.origin),
            (1, Origin::File(default))
        );
        let named = variable.to_str().expect("a text");
        assert_eq!(load(None, named).expect("by variable").engine.max_runs, 2);
        let argument = write("argument.toml", 3);
        assert_eq!(
            load(Some(argument), named)
                .expect("by argument")
                .engine
                .max_runs,
            3
        );
        let missing = load(Some("/no/such.toml".into()), named)
            .expect_err("not there")
            .to_string();
        assert!(
            missing.starts_with("/no/such.toml: cannot read the configuration: "),
            "{missing}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_dangling_default_file_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let link = directory.path().join(DEFAULT_FILE);
        std::os::unix::fs::symlink("nowhere", &link).expect("linked");
        let sources = Sources {
            directory: directory.path().to_owned(),
            ..Sources::default()
        };
        assert!(Config::load(&sources).is_err());
    }
}
