//! How one configuration differs from another: what a running host can take over, and what it needs
//! a restart for. Knows nothing of how it is taken over.

use secrecy::{ExposeSecret, SecretString};

use super::{Config, Engine, Metrics, Plugins, Sentry, Server};

impl Config {
    /// Whether a host under `running` would do nothing else under this one, wherever its words stand.
    pub fn says_the_same(&self, running: &Self) -> bool {
        self.plugins == running.plugins
            && self.tls == running.tls
            && self.tools == running.tools
            && self.notify == running.notify
            && self.defaults == running.defaults
            && self.checks == running.checks
            && self.tokens() == running.tokens()
            && self.secrets.is_equivalent(&running.secrets)
    }

    /// This configuration as far as a host that runs under `running` can take it over, and the keys
    /// that it can't: those are left as they run, and need a restart.
    pub fn taken_over(self, running: &Self) -> (Self, Vec<String>) {
        let differing = self
            .fixed(running)
            .into_iter()
            .filter(|(_, differs)| *differs);
        let keys = differing.map(|(key, _)| key.to_owned()).collect();
        let still_used = exposed(running.sentry.dsn.as_ref());
        let taken_over = Self {
            secrets: self.secrets.replacing(&running.secrets, still_used),
            server: Server {
                admin_token: self.server.admin_token,
                ..running.server.clone()
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
        (taken_over, keys)
    }

    /// The tokens that open pages.
    fn tokens(&self) -> [Option<&str>; 2] {
        [&self.server.admin_token, &self.metrics.token].map(|token| exposed(token.as_ref()))
    }

    /// The keys that a running host can't take over, each with whether it differs.
    fn fixed(&self, running: &Self) -> Vec<Fixed> {
        let Engine {
            max_runs,
            guest_threads,
        } = &running.engine;
        let threads = self.engine.guest_threads != *guest_threads;
        let Metrics { enabled, token: _ } = &running.metrics;
        let cache_dir = self.plugins.cache_dir != running.plugins.cache_dir;
        let mut fixed = self.server.fixed(&running.server).to_vec();
        fixed.push(("engine.max_runs", self.engine.max_runs != *max_runs));
        fixed.push(("engine.guest_threads", threads));
        fixed.push(("metrics.enabled", self.metrics.enabled != *enabled));
        fixed.extend(self.sentry.fixed(&running.sentry));
        fixed.push(("plugins.cache_dir", cache_dir));
        fixed
    }
}

/// The keys of the file whose change needs a restart; a running host takes over every other one.
pub fn need_restart() -> Vec<&'static str> {
    let (one, other) = (Config::default(), Config::default());
    let fixed = one.fixed(&other).into_iter();
    fixed.map(|(key, _)| key).collect()
}

/// A key that a running host can't take over, and whether it differs.
type Fixed = (&'static str, bool);

impl Server {
    fn fixed(&self, other: &Self) -> [Fixed; 6] {
        let Self {
            listen,
            unhealthy_status,
            details,
            admin_token: _,
            hosts,
            startup_grace,
            shutdown_grace,
        } = other;
        let status = self.unhealthy_status != *unhealthy_status;
        [
            ("server.listen", self.listen != *listen),
            ("server.unhealthy_status", status),
            ("server.details", self.details != *details),
            ("server.hosts", self.hosts != *hosts),
            ("server.startup_grace", self.startup_grace != *startup_grace),
            (
                "server.shutdown_grace",
                self.shutdown_grace != *shutdown_grace,
            ),
        ]
    }
}

impl Sentry {
    fn fixed(&self, other: &Self) -> [Fixed; 3] {
        let Self {
            dsn,
            environment,
            release,
        } = other;
        let is_another = exposed(self.dsn.as_ref()) != exposed(dsn.as_ref());
        [
            ("sentry.dsn", is_another),
            ("sentry.environment", self.environment != *environment),
            ("sentry.release", self.release != *release),
        ]
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
             admin_token = 'token-two'\nhosts = ['vitals']\nstartup_grace = '1s'\nshutdown_grace = '1s'\n\
             [engine]\nmax_runs = 1\nguest_threads = 1\n[metrics]\nenabled = true\n\
             token = 'token-three'\n\
             [sentry]\ndsn = 'https://key@sentry.test/1'\nenvironment = 'e'\nrelease = 'r'\n\
             [plugins]\ncache_dir = 'c'\ndir = 'd'\n[tools]\nwiki = 'https://wiki.test'\n\
             [checks.a]\nplugin = 'p'",
        );
        let (taken_over, keys) = newer.taken_over(&running);
        assert_eq!(
            keys.join(" "),
            "server.listen server.unhealthy_status server.details server.hosts \
             server.startup_grace server.shutdown_grace engine.max_runs engine.guest_threads \
             metrics.enabled sentry.dsn sentry.environment sentry.release plugins.cache_dir"
        );
        assert_eq!(taken_over.server.listen, running.server.listen);
        assert_eq!(taken_over.engine, running.engine);
        assert_eq!(taken_over.plugins.cache_dir, None);
        assert_eq!(taken_over.plugins.dir, std::path::Path::new("d"));
        assert!(taken_over.tools.0.contains_key("wiki"));
        assert_eq!(
            taken_over.tokens(),
            [Some("token-two"), Some("token-three")]
        );
        assert_eq!(taken_over.checks.len(), 1);
    }

    #[test]
    fn a_token_that_is_too_short_to_be_redacted_is_a_difference_too() {
        let [one, other] = ["a", "b"].map(|token| {
            let text = format!("[server]\nadmin_token = '{token}'");
            config(&text)
        });
        assert!(one.secrets.is_equivalent(&other.secrets));
        assert!(!one.says_the_same(&other));
    }

    #[test]
    fn secrets_of_the_configuration_before_and_those_in_use_stay_secret() {
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
        let (second, _) = config(&text("token-two", "key-two")).taken_over(&first);
        assert_eq!(
            shown(&second),
            "[redacted] [redacted] token-three [redacted]"
        );
        // Reading it again is no other configuration.
        let (second, _) = config(&text("token-two", "key-two")).taken_over(&second);
        assert_eq!(
            shown(&second),
            "[redacted] [redacted] token-three [redacted]"
        );
        let (third, _) = config(&text("token-three", "key-two")).taken_over(&second);
        assert_eq!(shown(&third), "token-one [redacted] [redacted] [redacted]");
    }

    #[test]
    fn a_configuration_needs_no_restart_for_itself() {
        let text = "[server]\nadmin_token = 'token-one'\n[sentry]\nrelease = 'r'";
        let (_, keys) = config(text).taken_over(&config(text));
        assert!(keys.is_empty(), "{keys:?}");
    }
}
