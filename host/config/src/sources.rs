//! Where a configuration comes from: which file, and what the environment and the command line put
//! over it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnose::{Diagnostic, Location};
use super::environment::{CONFIG, Environment, LOG, LOG_FORMAT, VARIABLES};
use super::faults::Faults;
use super::sections::{LogFormat, Logging};
use super::tree::{Node, Value};
use vitals_model::Text;

/// Where to read a configuration from. Kept by the host for reading it again.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file that the command line names. Without one it is the file that `VITALS_CONFIG` names,
    /// else `vitals.toml` in [`Sources::directory`] if there is one, else none.
    pub file: Option<PathBuf>,
    /// Where `vitals.toml` is looked for; empty: the working directory.
    pub directory: PathBuf,
    /// The environment.
    pub environment: Environment,
    /// What the command line says of single keys. It counts above all else.
    pub arguments: Vec<Argument>,
}

/// A key of the configuration that the command line sets.
#[derive(Clone, Debug)]
pub struct Argument {
    /// The argument, as a message about its value names it: `--listen`.
    pub name: String,
    /// The key, dotted: `server.listen`.
    pub key: String,
    /// Its value; numbers and booleans are read from the text.
    pub value: String,
}

impl Sources {
    /// The environment of this process, and `file` if the command line names one.
    pub fn process(file: Option<PathBuf>) -> Self {
        Self {
            file,
            environment: Environment::process(),
            ..Self::default()
        }
    }

    /// The file to read, and whether somebody asked for just that one.
    pub(super) fn choose(&self) -> (PathBuf, bool) {
        match (&self.file, self.environment.get(CONFIG.name)) {
            (Some(file), _) => (file.clone(), true),
            (None, Some(file)) => (PathBuf::from(file), true),
            (None, None) => (self.directory.join(DEFAULT_FILE), false),
        }
    }

    /// The file that is read, or would be if there were one.
    pub fn path(&self) -> PathBuf {
        self.choose().0
    }

    /// Puts what the environment and the command line say over what the file says.
    pub(super) fn overlay(&self, root: &mut Node, faults: &Faults) {
        for (variable, key) in VARIABLES.iter().filter_map(|v| Some((v, v.key?))) {
            match self.environment.text(variable.name) {
                Ok(Some(value)) => {
                    put(
                        root,
                        key,
                        Location::Variable(variable.name.to_owned()),
                        value,
                    );
                }
                Ok(None) => {}
                Err(error) => faults.add(Diagnostic {
                    key: key.to_owned(),
                    ..error
                }),
            }
        }
        for Argument { name, key, value } in &self.arguments {
            put(root, key, Location::Argument(name.clone()), value.clone());
        }
    }

    /// What the environment says of the log.
    pub(super) fn logging(&self, faults: &Faults) -> Logging {
        let read = |name: &str| {
            self.environment.text(name).unwrap_or_else(|error| {
                faults.add(error);
                None
            })
        };
        let format = match read(LOG_FORMAT.name).as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => {
                let shown = Text::line(other, 40);
                faults.add(Diagnostic {
                    location: Location::Variable(LOG_FORMAT.name.to_owned()),
                    key: String::new(),
                    message: format!("`{shown}` is no format of the log"),
                    remedy: "write `text` or `json`".to_owned(),
                });
                LogFormat::Text
            }
        };
        Logging {
            filter: read(LOG.name),
            format,
        }
    }
}

fn put(root: &mut Node, key: &str, location: Location, value: String) {
    let way: Vec<_> = key.split('.').collect();
    root.put(
        &way,
        Node {
            location,
            hidden: false,
            value: Value::Text(value),
        },
    );
}

/// The file that is read where nothing names another one.
pub(super) const DEFAULT_FILE: &str = "vitals.toml";

/// The place of `file` in messages.
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
    fn the_command_line_counts_above_the_environment_above_the_file() {
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
    fn complaints_name_the_variable_and_the_argument() {
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
             not a token: write one or more letters, digits and signs, without spaces\n\
             environment variable VITALS_LISTEN: `server.listen` is `8000`, which is not an IP \
             address with a port: write for example \"127.0.0.1:8000\"\n\
             environment variable VITALS_LOG_FORMAT: `xml` is no format of the log: write `text` or \
             `json`\n\
             --set: unknown key `fast` in `[engine]`: known are `max_runs` and `guest_threads`\n\
             --set: `engine.max_runs` is `many`, which is not a whole number from 1 to 4096"
        );
    }

    #[test]
    fn a_number_from_the_command_line_is_one() {
        let config = parse("", &[], &[("--max-runs", "engine.max_runs", "7")]).expect("fine");
        assert_eq!(config.engine.max_runs, 7);
        let text = parse("[engine]\nmax_runs = '7'", &[], &[]).expect_err("a string in the file");
        assert!(
            text.to_string()
                .contains("`engine.max_runs` is `7`, which is not a whole number")
        );
    }

    #[test]
    fn the_named_file_counts_before_the_default_one() {
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
    fn a_dangling_default_file_is_not_passed_over() {
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
