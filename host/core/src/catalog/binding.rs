//! Binds a plugin to the configuration and grants of a check, within a time limit.

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
use vitals_sandbox::grants::{self, Grant, Grants, Origin, Target};
use vitals_sandbox::{BindingError, LoadError, Plugin, Task};

/// Binds plugins to checks under one configuration. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Binder {
    pub(super) config: Arc<Config>,
    pub(super) environment: Environment,
}

/// A check that is not yet bound to a plugin. How long binding takes depends on the plugin's
/// schema.
#[derive(Clone, Debug)]
pub(crate) struct UnboundCheck {
    pub(super) binder: Binder,
    pub(crate) name: CheckName,
    pub(super) check: Arc<CheckConfig>,
    pub(crate) plugin: Arc<Plugin>,
}

/// The result of binding a check to a plugin.
#[derive(Debug)]
pub(crate) struct CheckBinding {
    pub(super) name: CheckName,
    pub(super) check: Arc<CheckConfig>,
    pub(super) plugin: Arc<Plugin>,
    pub(super) state: CheckState,
}

impl CheckBinding {
    /// Returns why the check can't run, if it can't.
    pub(super) fn error(&self) -> Option<&BindError> {
        match &self.state {
            CheckState::Failed(CheckError::Bind { error, .. }) | CheckState::NeedsConfig(error) => {
                Some(error)
            }
            _ => None,
        }
    }

    /// Returns whether the host's own code panicked while it bound the check.
    pub(crate) fn panicked(&self) -> bool {
        matches!(self.error(), Some(BindError::Panicked))
    }

    /// Returns whether another attempt may succeed without a change of plugin or configuration.
    pub(super) fn is_transient(&self) -> bool {
        self.error().is_some_and(BindError::is_transient)
    }

    pub(super) fn is_current(&self, plugin: &Arc<Plugin>, check: &Arc<CheckConfig>) -> bool {
        let is_same_config = Arc::ptr_eq(&self.check, check) || self.check == *check;
        Arc::ptr_eq(&self.plugin, plugin) && is_same_config
    }

    /// Returns whether the check's trusted roots for TLS come from one of `files`, or from defaults
    /// that have changed.
    pub(super) fn trusts(&self, files: &BTreeSet<PathBuf>, defaults_changed: bool) -> bool {
        let Some(own) = &self.check.roots else {
            return defaults_changed;
        };
        let of_file = |root: &Root| matches!(root, Root::File(path) if files.contains(path));
        own.iter().any(of_file)
    }

    /// Returns whether the check may use an identity or a proxy that `config` does not define.
    pub(super) fn names_undefined(&self, config: &Config) -> bool {
        let CheckState::Guest(guest) = &self.state else {
            return false;
        };
        let task = guest.task();
        task.grants
            .iter()
            .any(|grant| undefined(config, grant).is_some())
    }
}

/// Binds checks, grouped by plugin so that few validators are in memory at a time. Blocks.
///
/// The schema of a plugin decides how long binding takes, within bounds. Checks of a plugin that
/// are not bound after [`BIND_TIME`] fail.
pub(crate) fn bind_all(mut unbound: Vec<UnboundCheck>) -> Vec<CheckBinding> {
    unbound.sort_by(|a, b| a.plugin.name().cmp(b.plugin.name()));
    let mut bindings = Vec::with_capacity(unbound.len());
    for checks in unbound.chunk_by(|a, b| Arc::ptr_eq(&a.plugin, &b.plugin)) {
        let _held = checks[0].plugin.schema().hold_validator();
        bindings.extend(call_within(
            BIND_TIME,
            checks,
            UnboundCheck::bind,
            UnboundCheck::too_slow,
        ));
    }
    bindings
}

/// Calls `in_time` for each item until `limit` has passed, and `too_late` for the rest.
fn call_within<T, U>(
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

impl UnboundCheck {
    /// Returns the failed result of a binding that could not finish. It is tried again at the next
    /// scan.
    pub(crate) fn abandoned(&self, why: &str) -> CheckBinding {
        self.bound(Err(BindError::Abandoned(self.binder.shown(why))))
    }

    /// Binds the check. Blocks.
    pub(crate) fn bind(&self) -> CheckBinding {
        let bind = || self.binder.bind(&self.name, &self.check, &self.plugin);
        // A panic over one plugin's schema must not affect other checks.
        let task = catch_unwind(AssertUnwindSafe(bind));
        self.bound(task.unwrap_or(Err(BindError::Panicked)))
    }

    /// Fails the check because other checks of its plugin took too long to bind.
    fn too_slow(&self) -> CheckBinding {
        self.bound(Err(BindError::TooSlow(BIND_TIME)))
    }

    fn bound(&self, task: Result<Task, BindError>) -> CheckBinding {
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
        CheckBinding {
            name: self.name.clone(),
            check: Arc::clone(&self.check),
            plugin: Arc::clone(&self.plugin),
            state,
        }
    }
}

impl Binder {
    /// Binds a plugin to the configuration of a check. Errors contain no secret of the
    /// configuration.
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
                    // The configuration was built in code, so there is no location to name.
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
        let undefined = |grant: &Grant| undefined(&self.config, grant);
        if let Some(error) = granted.iter().find_map(undefined) {
            return Err(BindError::Grant(self.shown(&error)));
        }
        for (key, entries) in check.allow.kinds() {
            for entry in entries {
                let grant = Grant::allowed(key, &entry.text)
                    .map_err(|error| {
                        error.showing(self.config.secrets.line(&entry.text, GRANT_BYTES).as_str())
                    })
                    .map_err(|error| error.to_string())
                    .and_then(|grant| undefined(&grant).map_or(Ok(grant), Err))
                    .map_err(|error| format!("{error} ({})", entry.location))
                    .map_err(|error| BindError::Grant(self.shown(&error)))?;
                granted.push(grant);
            }
        }
        let variable = |name: &str| self.environment.text(name).ok().flatten();
        Ok(Grants::new(granted, variable))
    }

    /// Redacts the secrets of the configuration from the text of an error.
    fn shown(&self, error: &str) -> Text {
        self.config.secrets.line(error, ERROR_BYTES)
    }
}

/// Returns why an identity or a proxy can't be granted, if the configuration does not define it.
fn undefined(config: &Config, grant: &Grant) -> Option<String> {
    let target = grant.target();
    let (key, table, is_defined) = match target {
        Target::Identity(name) => {
            let is_defined = config.tls.identities.contains_key(&**name);
            ("identities", "tls.identities", is_defined)
        }
        Target::Proxy(name) => ("proxies", "proxies", config.proxies.contains_key(&**name)),
        _ => return None,
    };
    let error = || match grant.origin() {
        Origin::Allow => format!(
            "cannot grant `{target}` in `allow.{key}`: the configuration has no `[{table}.{target}]`"
        ),
        // The value may be a secret.
        Origin::Config(pointer) => format!(
            "cannot grant the value at `{pointer}` of `config`: it is not `NAME` of a table \
             `[{table}.NAME]` of the configuration"
        ),
    };
    (!is_defined).then(error)
}

/// The time limit for binding all checks of one plugin.
pub(crate) const BIND_TIME: Duration = Duration::from_secs(30);
const ERROR_BYTES: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use vitals_config::Secrets;

    #[test]
    fn items_beyond_the_time_limit_are_skipped() {
        let all = |limit| call_within(limit, &[1, 2], |n| n * 10, |_| 0).collect::<Vec<_>>();
        assert_eq!(all(Duration::MAX), [10, 20]);
        assert_eq!(all(Duration::ZERO), [0, 0]);
    }

    #[test]
    fn identities_and_proxies_must_be_defined() {
        let config: Config = "[tls.identities.shop]\ncertificate = 'c'\nkey = 'k'\n\
                              [proxies.corp]\nurl = 'http://proxy.test'"
            .parse()
            .unwrap();
        let undefined = |key, entry| undefined(&config, &Grant::allowed(key, entry).unwrap());
        for (key, entry) in [("identities", "shop"), ("proxies", "corp"), ("tcp", "a:1")] {
            assert_eq!(undefined(key, entry), None);
        }
        assert_eq!(
            undefined("identities", "corp").unwrap(),
            "cannot grant `corp` in `allow.identities`: the configuration has no \
             `[tls.identities.corp]`"
        );
        assert_eq!(
            undefined("proxies", "shop").unwrap(),
            "cannot grant `shop` in `allow.proxies`: the configuration has no `[proxies.shop]`"
        );
        let schema = serde_json::json!({"properties": {"p": {"x-vitals-grant": "proxy"}}});
        let marked = grants::granted_by_marks(&schema, &serde_json::json!({"p": "hunter2"}));
        assert_eq!(
            super::undefined(&config, &marked.unwrap()[0]).unwrap(),
            "cannot grant the value at `/p` of `config`: it is not `NAME` of a table \
             `[proxies.NAME]` of the configuration"
        );
    }

    #[test]
    fn no_error_contains_a_secret() {
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

        // An error quotes only the beginning of an entry, where the whole secret would not be
        // found.
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
