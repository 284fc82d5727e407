//! How one configuration differs from another: what a running host can take over, and what it needs
//! a restart for. Knows nothing of how it is taken over.

use secrecy::{ExposeSecret, SecretString};

use super::{Config, Engine, Metrics, Plugins, Sentry, Server};

impl Config {
    /// Whether a host under `running` would do nothing else under this one, wherever its words stand.
    pub(crate) fn says_the_same(&self, running: &Self) -> bool {
        self.plugins == running.plugins
            && self.tls == running.tls
            && self.tools == running.tools
            && self.defaults == running.defaults
            && self.checks == running.checks
            && self.secrets.is_same(&running.secrets)
    }

    /// This configuration as far as a host that runs under `running` can take it over, and the keys
    /// that it can't: those are left as they run, and need a restart.
    pub(crate) fn taken_over(self, running: &Self) -> (Self, Vec<String>) {
        let mut keys = Vec::new();
        let mut differ = |key: &str, differs: bool| {
            if differs {
                keys.push(key.to_owned());
            }
        };
        self.server.differ(&running.server, &mut differ);
        let Engine {
            max_runs,
            guest_threads,
        } = &running.engine;
        differ("engine.max_runs", self.engine.max_runs != *max_runs);
        let threads = self.engine.guest_threads != *guest_threads;
        differ("engine.guest_threads", threads);
        let Metrics { enabled } = running.metrics;
        differ("metrics.enabled", self.metrics.enabled != enabled);
        self.sentry.differ(&running.sentry, &mut differ);
        let cache_dir = self.plugins.cache_dir != running.plugins.cache_dir;
        differ("plugins.cache_dir", cache_dir);
        let taken_over = Self {
            server: running.server.clone(),
            engine: running.engine.clone(),
            metrics: running.metrics.clone(),
            sentry: running.sentry.clone(),
            plugins: Plugins {
                cache_dir: running.plugins.cache_dir.clone(),
                ..self.plugins
            },
            logging: running.logging.clone(),
            ..self
        };
        (taken_over, keys)
    }
}

impl Server {
    fn differ(&self, other: &Self, differ: &mut impl FnMut(&str, bool)) {
        let Self {
            listen,
            unhealthy_status,
            details,
            admin_token,
            startup_grace,
            shutdown_grace,
        } = other;
        differ("server.listen", self.listen != *listen);
        let status = self.unhealthy_status != *unhealthy_status;
        differ("server.unhealthy_status", status);
        differ("server.details", self.details != *details);
        let token = exposed(self.admin_token.as_ref()) != exposed(admin_token.as_ref());
        differ("server.admin_token", token);
        differ("server.startup_grace", self.startup_grace != *startup_grace);
        let grace = self.shutdown_grace != *shutdown_grace;
        differ("server.shutdown_grace", grace);
    }
}

impl Sentry {
    fn differ(&self, other: &Self, differ: &mut impl FnMut(&str, bool)) {
        let Self {
            dsn,
            environment,
            release,
        } = other;
        let is_another = exposed(self.dsn.as_ref()) != exposed(dsn.as_ref());
        differ("sentry.dsn", is_another);
        differ("sentry.environment", self.environment != *environment);
        differ("sentry.release", self.release != *release);
    }
}

fn exposed(secret: Option<&SecretString>) -> Option<&str> {
    secret.map(ExposeSecret::expose_secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        text.parse().expect("a configuration")
    }

    #[test]
    fn what_needs_a_restart_is_named_and_stays_and_the_rest_is_taken_over() {
        let running = config("[server]\nlisten = '127.0.0.1:1'\nadmin_token = 'token-one'");
        let newer = config(
            "[server]\nlisten = '127.0.0.1:2'\nunhealthy_status = 503\ndetails = 'authorized'\n\
             admin_token = 'token-two'\nstartup_grace = '1s'\nshutdown_grace = '1s'\n\
             [engine]\nmax_runs = 1\nguest_threads = 1\n[metrics]\nenabled = true\n\
             [sentry]\ndsn = 'https://key@sentry.test/1'\nenvironment = 'e'\nrelease = 'r'\n\
             [plugins]\ncache_dir = 'c'\ndir = 'd'\n[tools]\nwiki = 'https://wiki.test'\n\
             [checks.a]\nplugin = 'p'",
        );
        let (taken_over, keys) = newer.taken_over(&running);
        assert_eq!(
            keys.join(" "),
            "server.listen server.unhealthy_status server.details server.admin_token \
             server.startup_grace server.shutdown_grace engine.max_runs engine.guest_threads \
             metrics.enabled sentry.dsn sentry.environment sentry.release plugins.cache_dir"
        );
        assert_eq!(taken_over.server.listen, running.server.listen);
        assert_eq!(taken_over.engine, running.engine);
        assert_eq!(taken_over.plugins.cache_dir, None);
        assert_eq!(taken_over.plugins.dir, std::path::Path::new("d"));
        assert!(taken_over.tools.0.contains_key("wiki"));
        assert_eq!(taken_over.checks.len(), 1);
    }

    #[test]
    fn a_configuration_needs_no_restart_for_itself() {
        let text = "[server]\nadmin_token = 'token-one'\n[sentry]\nrelease = 'r'";
        let (_, keys) = config(text).taken_over(&config(text));
        assert!(keys.is_empty(), "{keys:?}");
    }
}
