//! Which keys a running host can take from a new configuration, and which need a restart. Does not
//! know how the host applies them.

use super::{Config, Engine, Metrics, Plugins, Secret, Sentry, Server};

impl Config {
    /// Returns whether this configuration would change nothing in a host that runs with `running`.
    /// Keys that need a restart, and where the values are written, do not count.
    pub fn is_equivalent(&self, running: &Self) -> bool {
        self.plugins == running.plugins
            && self.tls == running.tls
            && self.tools == running.tools
            && self.notify == running.notify
            && self.proxies == running.proxies
            && self.defaults == running.defaults
            && self.checks == running.checks
            && self.server.unhealthy_status == running.server.unhealthy_status
            && self.server.details == running.server.details
            && self.server.hosts == running.server.hosts
            && self.tokens() == running.tokens()
            && self.secrets.is_equivalent(&running.secrets)
    }

    /// Merges this configuration into `running`: takes every key that a running host can apply, and
    /// keeps the others as they are. Returns the keys that differ and need a restart.
    pub fn merge_reloadable(self, running: &Self) -> (Self, Vec<String>) {
        let fixed = self.fixed(running).into_iter();
        let differing = fixed.filter(|(_, differs)| *differs);
        let keys = differing.map(|(key, _)| key.to_owned()).collect();
        let still_used = running.sentry.dsn.as_ref().map(Secret::expose);
        let merged = Self {
            secrets: self.secrets.replacing(&running.secrets, still_used),
            server: Server {
                listen: running.server.listen,
                startup_grace: running.server.startup_grace,
                shutdown_grace: running.server.shutdown_grace,
                ..self.server
            },
            engine: running.engine.clone(),
            metrics: Metrics {
                token: self.metrics.token,
                ..running.metrics.clone()
            },
            sentry: running.sentry.clone(),
            plugins: Plugins {
                cache_dir: running.plugins.cache_dir.clone(),
                ..self.plugins
            },
            logging: running.logging.clone(),
            supervision: running.supervision.clone(),
            ..self
        };
        (merged, keys)
    }

    /// Returns the tokens that open pages.
    fn tokens(&self) -> [Option<&str>; 2] {
        [&self.server.admin_token, &self.metrics.token]
            .map(|token| token.as_ref().map(Secret::expose))
    }

    /// Returns the keys that need a restart, each with whether it differs.
    fn fixed(&self, running: &Self) -> [(&'static str, bool); 10] {
        let Self {
            server,
            engine,
            metrics,
            sentry,
            plugins,
            ..
        } = self;
        // A new key is either compared here or named as one that a running host applies.
        let Server {
            listen,
            unhealthy_status: _,
            details: _,
            admin_token: _,
            hosts: _,
            startup_grace,
            shutdown_grace,
        } = &running.server;
        let Engine {
            max_runs,
            guest_threads,
        } = &running.engine;
        let Metrics { enabled, token: _ } = &running.metrics;
        let Sentry {
            dsn,
            environment,
            release,
        } = &running.sentry;
        let cache_dir = &running.plugins.cache_dir;
        [
            ("server.listen", server.listen != *listen),
            (
                "server.startup_grace",
                server.startup_grace != *startup_grace,
            ),
            (
                "server.shutdown_grace",
                server.shutdown_grace != *shutdown_grace,
            ),
            ("engine.max_runs", engine.max_runs != *max_runs),
            (
                "engine.guest_threads",
                engine.guest_threads != *guest_threads,
            ),
            ("metrics.enabled", metrics.enabled != *enabled),
            ("sentry.dsn", sentry.dsn != *dsn),
            ("sentry.environment", sentry.environment != *environment),
            ("sentry.release", sentry.release != *release),
            ("plugins.cache_dir", plugins.cache_dir != *cache_dir),
        ]
    }
}

/// Returns the keys of the file whose change needs a restart. A running host applies all others.
pub fn keys_needing_restart() -> Vec<&'static str> {
    let (one, other) = (Config::default(), Config::default());
    let fixed = one.fixed(&other).into_iter();
    fixed.map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        text.parse().expect("a configuration")
    }

    #[test]
    fn a_merge_takes_reloadable_keys_and_names_the_others() {
        let running = config("[server]\nlisten = '127.0.0.1:1'\nadmin_token = 'token-one'");
        let newer = config(
            "[server]\nlisten = '127.0.0.1:2'\nunhealthy_status = 503\ndetails = 'authorized'\n\
             admin_token = 'token-two'\nhosts = ['vitals']\nstartup_grace = '1s'\nshutdown_grace = '1s'\n\
             [engine]\nmax_runs = 1\nguest_threads = 1\n[metrics]\nenabled = true\n\
             token = 'token-three'\n\
             [sentry]\ndsn = 'https://key@sentry.test/1'\nenvironment = 'e'\nrelease = 'r'\n\
             [plugins]\ncache_dir = 'c'\ndir = 'd'\n[tools]\nwiki = 'https://wiki.test'\n\
             [checks.a]\nplugin = 'p'",
        );
        let (merged, keys) = newer.merge_reloadable(&running);
        assert_eq!(
            keys.join(" "),
            "server.listen server.startup_grace server.shutdown_grace engine.max_runs engine.guest_threads \
             metrics.enabled sentry.dsn sentry.environment sentry.release plugins.cache_dir"
        );
        assert_eq!(merged.server.listen, running.server.listen);
        assert_eq!(merged.server.hosts.len(), 1);
        assert_eq!(merged.server.details, crate::Details::Authorized);
        assert_eq!(merged.server.unhealthy_status.code(), 503);
        assert_eq!(merged.engine, running.engine);
        assert_eq!(merged.plugins.cache_dir, None);
        assert_eq!(merged.plugins.dir, std::path::Path::new("d"));
        assert!(merged.tools.0.contains_key("wiki"));
        assert_eq!(merged.tokens(), [Some("token-two"), Some("token-three")]);
        assert_eq!(merged.checks.len(), 1);
    }

    #[test]
    fn configurations_with_different_short_tokens_are_not_equivalent() {
        let [one, other] = ["a", "b"].map(|token| {
            let text = format!("[server]\nadmin_token = '{token}'");
            config(&text)
        });
        assert!(one.secrets.is_equivalent(&other.secrets));
        assert!(!one.is_equivalent(&other));
    }

    #[test]
    fn previous_secrets_stay_redacted_until_the_next_change() {
        let text = |token: &str, key: &str| {
            format!(
                "[server]\nadmin_token = '{token}'\n[sentry]\ndsn = 'https://{key}@sentry.test/1'"
            )
        };
        let first = config(&text("token-one", "key-one"));
        let shown = |config: &Config| {
            let all = "token-one token-two token-three key-one@sentry";
            let all = all.replace("key-one@sentry", "https://key-one@sentry.test/1");
            String::from(config.secrets.line(&all, 1000))
        };
        let (second, _) = config(&text("token-two", "key-two")).merge_reloadable(&first);
        assert_eq!(
            shown(&second),
            "[redacted] [redacted] token-three [redacted]"
        );
        // Reading the same file again changes nothing.
        let (second, _) = config(&text("token-two", "key-two")).merge_reloadable(&second);
        assert_eq!(
            shown(&second),
            "[redacted] [redacted] token-three [redacted]"
        );
        let (third, _) = config(&text("token-three", "key-two")).merge_reloadable(&second);
        assert_eq!(shown(&third), "token-one [redacted] [redacted] [redacted]");
    }

    #[test]
    fn an_equal_configuration_needs_no_restart() {
        let text = "[server]\nadmin_token = 'token-one'\n[sentry]\nrelease = 'r'";
        let (_, keys) = config(text).merge_reloadable(&config(text));
        assert!(keys.is_empty(), "{keys:?}");
    }
}
