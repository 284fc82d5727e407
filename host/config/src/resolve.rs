//! From the tree to the configuration: fills in defaults, and validates values against each other.

mod check;
mod clients;
mod notify;
mod report;
mod schedule;

use std::collections::BTreeMap;

use vitals_model::Secrets;

use super::checks::{Defaults, Schedule};
use super::config::Config;
use super::decode::decode;
use super::diagnostics_collector::DiagnosticsCollector;
use super::environment::Environment;
use super::expand::Expansion;
use super::raw::{RawDefaults, RawFile};
use super::secret::Secret;
use super::sections::{Plugins, Tools};
use super::tree::{KeyPath, Node};
use super::values::PageUrl;
use check::CheckReader;
use schedule::validate_schedule;

/// Reads the configuration from `root`. What is wrong is reported to `collector`; the result counts
/// only if nothing is.
pub(super) fn resolve(
    root: &Node,
    mut expansion: Expansion,
    environment: &Environment,
    collector: &DiagnosticsCollector,
) -> Config {
    let file: RawFile = decode(root, &KeyPath::Top, collector).unwrap_or_default();
    let defaults = defaults(&file.defaults, root, collector);
    let mut checks = BTreeMap::new();
    if let Some(tables) = root.find(&["checks"]).and_then(Node::table) {
        for (name, node) in tables {
            let diagnostics = expansion.checks.remove(name).unwrap_or_default();
            let reader = CheckReader {
                root,
                name,
                node,
                path: KeyPath::Key(&KeyPath::Key(&KeyPath::Top, "checks"), name),
                defaults: &defaults,
                collector,
            };
            checks.extend(reader.read(diagnostics));
        }
    }
    notify::validate(&file.notify, root, collector);
    clients::validate(&file, root, collector);
    let (admin, metrics) = (&file.server.admin_token, &file.metrics.token);
    let tokens = [admin, metrics, &file.sentry.dsn].into_iter().flatten();
    let passwords = file.proxies.values().filter_map(|it| it.password.as_ref());
    let tokens = tokens.chain(passwords).map(Secret::expose);
    let tokens = tokens.chain(file.notify.secrets());
    Config {
        secrets: Secrets::new(expansion.secrets.iter().map(String::as_str).chain(tokens)),
        server: file.server,
        plugins: plugins(file.plugins, environment),
        engine: file.engine,
        tls: file.tls,
        metrics: file.metrics,
        sentry: file.sentry,
        notify: file.notify,
        proxies: file.proxies,
        tools: tools(file.tools),
        defaults,
        checks,
        referenced_files: expansion.files,
        ..Config::default()
    }
}

fn plugins(plugins: Plugins, environment: &Environment) -> Plugins {
    let cache_dir = match plugins.cache_dir {
        Some(dir) => Some(dir).filter(|dir| !dir.as_os_str().is_empty()),
        None => environment.cache().map(|cache| cache.join("vitals")),
    };
    Plugins {
        cache_dir,
        ..plugins
    }
}

fn tools(written: BTreeMap<String, PageUrl>) -> Tools {
    let mut tools = Tools::default();
    let written = written.into_iter();
    tools
        .0
        .extend(written.map(|(name, url)| (name, Some(url.0))));
    tools
}

fn defaults(raw: &RawDefaults, root: &Node, collector: &DiagnosticsCollector) -> Defaults {
    let schedule = Schedule {
        interval: raw.interval,
        timeout: raw.timeout,
        critical: raw.critical,
        fall: raw.fall,
        rise: raw.rise,
        retry_interval: raw.retry_interval.map_or(raw.interval, |period| period.0),
        trial: raw.trial,
        notify: raw.notify,
    };
    let written = |key: &str| root.find(&["defaults", key]).map(|node| &node.location);
    let path = KeyPath::Key(&KeyPath::Top, "defaults");
    validate_schedule(
        &schedule,
        "of `[defaults]`",
        &path,
        &written,
        &|_| false,
        collector,
    );
    Defaults {
        schedule,
        limits: raw.limits.clone(),
        dir: raw.dir,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::checks::CheckConfig;
    use super::*;
    use vitals_model::{Limits, Root};

    fn check(text: &str) -> CheckConfig {
        let config = text.parse::<Config>().expect("a configuration");
        config.checks.into_values().next().expect("a check")
    }

    fn diagnostics_of(text: &str) -> Vec<String> {
        let found = text.parse::<Config>().expect_err("something is wrong");
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_check_inherits_defaults() {
        let text = "[defaults]\ninterval = '1m'\ncritical = false\nfall = 3\n\
            limits = { memory = '128MiB' }\n\
            [checks.a]\nplugin = 'p'\ntimeout = '2s'\nrise = 2\nlimits.fuel = 5\n";
        let check = check(text);
        assert_eq!(
            check.schedule,
            Schedule {
                interval: Duration::from_mins(1),
                timeout: Duration::from_secs(2),
                critical: false,
                fall: 3.try_into().expect("not zero"),
                rise: 2.try_into().expect("not zero"),
                retry_interval: Duration::from_mins(1),
                trial: true,
                notify: true,
            }
        );
        let expected = Limits {
            fuel: 5,
            memory: 128 << 20,
            ..Limits::default()
        };
        assert_eq!(check.limits, expected);
        assert!(check.enabled);
        assert_eq!(check.location.to_string(), "vitals.toml:6");
    }

    #[test]
    fn a_check_can_override_every_default() {
        let keys = "interval = '10s'\ntimeout = '9s'\ncritical = false\nfall = 2\nrise = 3\n\
            retry_interval = '9s'\ndir = true\nlimits = { fuel = 1, memory = '1MiB', output = '3KiB', \
            connections = 0, http_body = '4KiB' }";
        let defaults = format!("[defaults]\n{keys}")
            .parse::<Config>()
            .expect("fine")
            .defaults;
        let check = check(&format!("[checks.a]\nplugin = 'p'\n{keys}"));
        assert_eq!(check.schedule, defaults.schedule);
        assert_eq!(check.limits, defaults.limits);
        assert!(check.dir && defaults.dir);
        assert_ne!(defaults.schedule, Schedule::default());
    }

    #[test]
    fn the_retry_interval_defaults_to_the_interval() {
        let retry = |text: &str| check(text).schedule.retry_interval.as_secs();
        assert_eq!(retry("[checks.a]\ninterval = '15s'"), 15);
        assert_eq!(
            retry("[defaults]\nretry_interval = '7s'\n[checks.a]\ninterval = '15s'"),
            7
        );
        assert_eq!(
            retry("[checks.a]\ninterval = '15s'\nretry_interval = '8s'"),
            8
        );
    }

    #[test]
    fn a_timeout_above_its_interval_is_rejected() {
        assert_eq!(
            diagnostics_of("[checks.a]\ntimeout = '10s'\ninterval = '5s'"),
            [
                "vitals.toml:2: `timeout` (10s) of check `a` is above its `interval` (5s): write a \
             `timeout` of at most 5s, or a longer `interval`"
            ]
        );
        assert_eq!(
            diagnostics_of("[checks.a]\ninterval = '2s'"),
            [
                "vitals.toml:2: `timeout` (5s, the default) of check `a` is above its `interval` (2s): \
             write a `timeout` of at most 2s, or a longer `interval`"
            ]
        );
        assert_eq!(
            diagnostics_of("[defaults]\ninterval = '8s'\n[checks.a]\ntimeout = '9s'"),
            [
                "vitals.toml:4: `timeout` (9s) of check `a` is above its `interval` (8s, from \
             `[defaults]`): write a `timeout` of at most 8s, or a longer `interval`"
            ]
        );
        assert_eq!(
            diagnostics_of("[checks.a]\nretry_interval = '2s'"),
            [
                "vitals.toml:2: `timeout` (5s, the default) of check `a` is above its `retry_interval` \
             (2s): write a `timeout` of at most 2s, or a longer `retry_interval`"
            ]
        );
        assert!("[checks.a]\ninterval = '5s'".parse::<Config>().is_ok());
    }

    #[test]
    fn an_error_in_defaults_is_reported_once() {
        let text =
            "[defaults]\ntimeout = '31s'\n[checks.a]\nfall = 2\n[checks.b]\ncritical = false";
        assert_eq!(
            diagnostics_of(text),
            [
                "vitals.toml:2: `timeout` (31s) of `[defaults]` is above its `interval` (30s, the \
             default): write a `timeout` of at most 30s, or a longer `interval`"
            ]
        );
    }

    #[test]
    fn invalid_names_of_checks_are_rejected() {
        let text = "[checks.Orders]\nplugin = 'p'\n[checks.'module:billing']\nenabled = false";
        assert_eq!(
            diagnostics_of(text),
            [
                "vitals.toml:1: `[checks.Orders]` cannot be the table of a check: `Orders` is not a \
             valid check name: use 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`, starting with a \
             letter or digit",
                "vitals.toml:3: `[checks.\"module:billing\"]` cannot be the table of a check: it is the \
             name of a plugin that runs by itself: choose another name, and set `plugin = \
             \"billing\"` in the check",
            ]
        );
    }

    #[test]
    fn keys_for_plugins_are_rejected_in_a_check_without_one() {
        let text = "[checks.a]\ninterval = '1m'\nconfig = {}\nlimits = { fuel = 1 }";
        assert_eq!(
            diagnostics_of(text),
            [
                "vitals.toml:3: `config` of check `a` needs a plugin, and the check names none: set \
             `plugin = \"…\"`, or remove `config`",
                "vitals.toml:4: `limits` of check `a` needs a plugin, and the check names none: set \
             `plugin = \"…\"`, or remove `limits`",
            ]
        );
        assert_eq!(check("[checks.a]\ninterval = '1m'").plugin, None);
    }

    #[test]
    fn entries_of_allow_know_their_lines() {
        let text = "[checks.a]\nplugin = 'p'\nroots = 1\n";
        assert_eq!(diagnostics_of(text).len(), 1);
        let check = check(
            "[checks.a]\nplugin = 'p'\ntls.roots = ['system', 'ca.pem']\n\
            [checks.a.allow]\ntcp = [\n  'a:1',\n  'b:2',\n]\nsystem = ['load']",
        );
        let lines: Vec<_> = check
            .allow
            .tcp
            .iter()
            .map(|e| e.location.to_string())
            .collect();
        assert_eq!(lines, ["vitals.toml:6", "vitals.toml:7"]);
        let kinds = check.allow.kinds();
        let texts: Vec<_> = kinds
            .iter()
            .map(|(kind, list)| (*kind, list.len()))
            .collect();
        let expected = [
            ("http", 0),
            ("tcp", 2),
            ("udp", 0),
            ("tls", 0),
            ("icmp", 0),
            ("names", 0),
            ("files", 0),
            ("env", 0),
            ("system", 1),
            ("identities", 0),
            ("proxies", 0),
        ];
        assert_eq!(texts, expected);
        let roots = [Root::System, Root::File("ca.pem".into())];
        assert_eq!(check.roots.as_deref(), Some(&roots[..]));
    }

    #[test]
    fn the_same_check_on_other_lines_is_equal() {
        let one = check("[checks.a]\nplugin = 'p'\nallow.tcp = ['a:1']\nconfig.x = 1");
        let moved = check("\n\n[checks.a]\nconfig.x = 1\nplugin = 'p'\nallow.tcp = ['a:1']");
        let other = check("[checks.a]\nplugin = 'p'\nallow.tcp = ['a:2']\nconfig.x = 1");
        assert_eq!(one, moved);
        assert_ne!(one, other);
    }
}
