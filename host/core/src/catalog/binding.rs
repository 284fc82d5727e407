//! Binding a plugin to the configuration and grants of a check, within its time.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::check_error::{BindError, CheckError};
use super::check_state::{CheckState, GRANT_BYTES, GuestCheck};
use vitals_config::{CheckConfig, Config, Environment, Location, Root, Settings};
use vitals_model::{CheckName, Text};
use vitals_sandbox::grants::{self, Grants};
use vitals_sandbox::{BindingError, LoadError, Plugin, Task};

/// Brings plugins and checks together under one configuration. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Binder {
    pub(super) config: Arc<Config>,
    pub(super) environment: Environment,
}

/// A check that is to be bound to a plugin. That takes as long as the plugin's schema makes it take.
#[derive(Clone, Debug)]
pub(crate) struct Unbound {
    pub(super) binder: Binder,
    pub(super) name: CheckName,
    pub(super) check: Arc<CheckConfig>,
    pub(super) plugin: Arc<Plugin>,
}

/// What came of binding a check to a plugin.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(super) name: CheckName,
    pub(super) check: Arc<CheckConfig>,
    pub(super) plugin: Arc<Plugin>,
    pub(super) state: CheckState,
}

impl Bound {
    /// Why it can't run, if it can't.
    pub(super) fn error(&self) -> Option<&BindError> {
        match &self.state {
            CheckState::Failed(error) => error.bind_error(),
            CheckState::NeedsConfig(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the host's own code panicked over it.
    pub(crate) fn panicked(&self) -> bool {
        matches!(self.error(), Some(BindError::Panicked))
    }

    /// Whether it may come out otherwise the next time, although nothing here has changed.
    pub(super) fn is_transient(&self) -> bool {
        self.error().is_some_and(BindError::is_transient)
    }

    pub(super) fn is_of(&self, plugin: &Arc<Plugin>, check: &Arc<CheckConfig>) -> bool {
        let says_the_same = Arc::ptr_eq(&self.check, check) || self.check == *check;
        Arc::ptr_eq(&self.plugin, plugin) && says_the_same
    }

    /// Whether what the check trusts in TLS connections comes from one of `files`, or from a list
    /// that has changed.
    pub(super) fn trusts(&self, files: &BTreeSet<PathBuf>, defaults_changed: bool) -> bool {
        let Some(own) = &self.check.roots else {
            return defaults_changed;
        };
        let of_file = |root: &Root| matches!(root, Root::File(path) if files.contains(path));
        own.iter().any(of_file)
    }
}

/// Binds checks, those of one plugin after another, so that few validators live at a time. Blocks.
///
/// A plugin's schema makes each of its checks take as long as it likes, within bounds; what is left
/// after [`BIND_TIME`] is given up.
pub(crate) fn bind_all(mut unbound: Vec<Unbound>) -> Vec<Bound> {
    unbound.sort_by(|a, b| a.plugin.name().cmp(b.plugin.name()));
    let mut bounds = Vec::with_capacity(unbound.len());
    for checks in unbound.chunk_by(|a, b| Arc::ptr_eq(&a.plugin, &b.plugin)) {
        let _held = checks[0].plugin.schema().hold_validator();
        bounds.extend(within(BIND_TIME, checks, Unbound::bind, Unbound::give_up));
    }
    bounds
}

/// Does one thing with each of `all` while there is time, and the other with the rest.
fn within<T, U>(
    limit: Duration,
    all: &[T],
    in_time: impl Fn(&T) -> U,
    too_late: impl Fn(&T) -> U,
) -> impl Iterator<Item = U> {
    let started = Instant::now();
    all.iter().map(move |one| {
        if started.elapsed() < limit {
            in_time(one)
        } else {
            too_late(one)
        }
    })
}

impl Unbound {
    /// The check.
    pub(crate) fn name(&self) -> &CheckName {
        &self.name
    }

    /// The plugin that it is to be bound to.
    pub(crate) fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// What comes of it where it could not be bound: that is tried again at the next look.
    pub(crate) fn given_up(&self, why: &str) -> Bound {
        self.bound(Err(BindError::GivenUp(self.binder.shown(why))))
    }

    /// Binds it. Blocks.
    pub(crate) fn bind(&self) -> Bound {
        let bind = || self.binder.bind(&self.name, &self.check, &self.plugin);
        // One plugin's schema must not take the other checks down with it.
        let task = catch_unwind(AssertUnwindSafe(bind));
        self.bound(task.unwrap_or(Err(BindError::Panicked)))
    }

    /// Does not bind it: others of its plugin took too long.
    fn give_up(&self) -> Bound {
        self.bound(Err(BindError::TooSlow(BIND_TIME)))
    }

    fn bound(&self, task: Result<Task, BindError>) -> Bound {
        let dropped_in = !self.binder.config.checks.contains_key(&self.name);
        let state = match task {
            Ok(task) => {
                CheckState::Guest(Arc::new(GuestCheck::new(Arc::clone(&self.plugin), task)))
            }
            Err(error @ BindError::Config(_)) if dropped_in => CheckState::NeedsConfig(error),
            Err(error) => CheckState::Failed(CheckError::Bind {
                check: self.name.clone(),
                plugin: self.plugin.name().clone(),
                error,
            }),
        };
        Bound {
            name: self.name.clone(),
            check: Arc::clone(&self.check),
            plugin: Arc::clone(&self.plugin),
            state,
        }
    }
}

impl Binder {
    /// Binds a plugin to the configuration of a check. No secret of the configuration is in the
    /// words of a failure.
    pub(super) fn bind(
        &self,
        name: &CheckName,
        check: &CheckConfig,
        plugin: &Plugin,
    ) -> Result<Task, BindError> {
        if let Some(wanted) = check.sha256
            && wanted != plugin.digest()
        {
            let error = LoadError::Digest {
                found: plugin.digest(),
                wanted,
            };
            return Err(BindError::File(error));
        }
        let settings = check.settings.as_ref().map_err(|found| {
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            BindError::Settings(self.shown(&found.join("; ")))
        })?;
        let binding = plugin
            .schema()
            .bind(&settings.values)
            .map_err(|error| match error {
                BindingError::Config(_) => BindError::Config(match check.location {
                    // Nothing was written, and nothing can be said of where.
                    Location::Program => self.shown(&error.to_string()),
                    _ => self.shown(&format!("{error} ({})", check.location)),
                }),
                _ => BindError::Schema(self.shown(&error.to_string())),
            })?;
        let grants = self.grants(check, plugin, settings)?;
        let roots = check.roots.as_ref().unwrap_or(&self.config.tls.roots);
        let roots = plugin.roots(Some(roots));
        let roots = roots.map_err(|error| {
            let shown = self.shown(&error.to_string());
            if error.is_host_error() {
                BindError::RootsUnread(shown)
            } else {
                BindError::Roots(shown)
            }
        })?;
        let secrets = self.config.secrets.with(&binding.secrets);
        Ok(Task {
            check: name.clone(),
            config: binding.json.into(),
            grants: Arc::new(grants),
            limits: check.limits.clone(),
            timeout: check.schedule.timeout,
            secrets: Arc::new(secrets),
            roots,
        })
    }

    fn grants(
        &self,
        check: &CheckConfig,
        plugin: &Plugin,
        settings: &Settings,
    ) -> Result<Grants, BindError> {
        let refuse = |error: grants::GrantError| BindError::Grant(self.shown(&error.to_string()));
        let config = Value::Object(settings.values.clone());
        let mut granted =
            grants::granted_by_marks(plugin.schema().document(), &config).map_err(refuse)?;
        for (key, entries) in check.allow.kinds() {
            for entry in entries {
                let grant = grants::Grant::allowed(key, &entry.text)
                    .map_err(|error| {
                        error.showing(self.config.secrets.line(&entry.text, GRANT_BYTES).as_str())
                    })
                    .map_err(|error| format!("{error} ({})", entry.location))
                    .map_err(|error| BindError::Grant(self.shown(&error)))?;
                granted.push(grant);
            }
        }
        let variable = |name: &str| self.environment.text(name).ok().flatten();
        Ok(Grants::new(granted, variable))
    }

    /// The words of an error without secrets of the configuration.
    fn shown(&self, error: &str) -> Text {
        self.config.secrets.line(error, ERROR_BYTES)
    }
}

/// How long the checks of one plugin may take to be bound, all of them together.
pub(crate) const BIND_TIME: Duration = Duration::from_secs(30);
const ERROR_BYTES: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use vitals_config::Secrets;

    #[test]
    fn what_there_is_no_time_for_is_given_up() {
        let all = |limit| within(limit, &[1, 2], |n| n * 10, |_| 0).collect::<Vec<_>>();
        assert_eq!(all(Duration::MAX), [10, 20]);
        assert_eq!(all(Duration::ZERO), [0, 0]);
    }

    #[test]
    fn no_secret_is_in_the_words_of_an_error() {
        let secret = "db.internal/hunter2/".repeat(20);
        let mut config = Config::default();
        config.secrets = Secrets::new([&secret]);
        let binder = Binder {
            config: Arc::new(config),
            environment: Environment::default(),
        };
        let shown = |error: &str| String::from(binder.shown(error));
        assert_eq!(
            shown(&format!("cannot read {secret}")),
            "cannot read [redacted]"
        );

        // An error shows the beginning of an entry, in which the secret would not be found.
        let error = grants::Grant::allowed("tcp", &secret).unwrap_err();
        assert!(shown(&error.to_string()).contains("hunter2"));
        let error = error
            .showing(binder.config.secrets.line(&secret, GRANT_BYTES).as_str())
            .to_string();
        assert!(
            error.contains("`[redacted]`") && !error.contains("hunter2"),
            "{error}"
        );
    }
}
