//! Whether a configuration that a program made says only what a file could: durations, sizes and
//! numbers within their bounds. One that was read from text is so already.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use vitals_values::{Size, duration_text};

use super::checks::{Connections, Fuel, HttpBody, Memory, Output};
use super::notify::{exposed, header_error, label_error};
use super::values::{
    Bounds, Count, MAX_DURATION, MAX_RUN_COUNT, MIN_DURATION, parse_server_url, parse_web_url,
};
use super::{Config, Engine, Notify, Plugins, Schedule, Server};
use vitals_model::Limits;

/// A value of a configuration that no host can run under.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` of the configuration is {found}: set it to {expected}")]
pub struct OutOfBounds {
    /// The key, dotted from the top of the file: `plugins.rescan`.
    pub key: String,
    /// What it is set to.
    pub found: String,
    /// What it can be set to.
    pub expected: String,
}

impl Config {
    /// Holds every duration, size and number against its bounds. What [`Config::load`] and
    /// [`Config::parse`] answer passes.
    ///
    /// # Errors
    ///
    /// The first value that is out of them.
    pub fn hold_to_bounds(&self) -> Result<(), OutOfBounds> {
        let Server {
            startup_grace,
            shutdown_grace,
            ..
        } = &self.server;
        period("server.startup_grace", *startup_grace)?;
        period("server.shutdown_grace", *shutdown_grace)?;
        let Plugins { rescan, .. } = &self.plugins;
        period("plugins.rescan", *rescan)?;
        let Engine {
            max_runs,
            guest_threads,
        } = &self.engine;
        number::<Count<1, 4096>>("engine.max_runs", *max_runs)?;
        number::<Count<0, 1024>>("engine.guest_threads", *guest_threads)?;
        notify(&self.notify)?;
        schedule("defaults", &self.defaults.schedule)?;
        limits("defaults.limits", &self.defaults.limits)?;
        for (name, check) in &self.checks {
            schedule(&format!("checks.{name}"), &check.schedule)?;
            limits(&format!("checks.{name}.limits"), &check.limits)?;
        }
        Ok(())
    }
}

fn schedule(at: &str, schedule: &Schedule) -> Result<(), OutOfBounds> {
    let Schedule {
        interval,
        timeout,
        retry_interval,
        fall,
        rise,
        critical: _,
        trial: _,
        notify: _,
    } = *schedule;
    period(&format!("{at}.interval"), interval)?;
    period(&format!("{at}.timeout"), timeout)?;
    period(&format!("{at}.retry_interval"), retry_interval)?;
    not_above(at, timeout, "interval", interval)?;
    not_above(at, timeout, "retry_interval", retry_interval)?;
    number::<Count<1, MAX_RUN_COUNT>>(&format!("{at}.fall"), fall.get())?;
    number::<Count<1, MAX_RUN_COUNT>>(&format!("{at}.rise"), rise.get())
}

/// Says nothing of what is secret.
fn notify(notify: &Notify) -> Result<(), OutOfBounds> {
    period("notify.timeout", notify.timeout)?;
    period("notify.alertmanager.resend", notify.alertmanager.resend)?;
    let wrong = |key: String, found: &str, expected: &str| OutOfBounds {
        key,
        found: found.to_owned(),
        expected: expected.to_owned(),
    };
    for (index, url) in notify.alertmanager.urls.iter().enumerate() {
        if parse_server_url(url).is_none() {
            let key = format!("notify.alertmanager.urls[{index}]");
            return Err(wrong(key, "no URL of a server", "one of http or https"));
        }
    }
    for name in notify.alertmanager.labels.keys() {
        if label_error(name).is_some() {
            let key = format!("notify.alertmanager.labels.{name}");
            return Err(wrong(
                key,
                "a label that there can't be",
                "one of another name",
            ));
        }
    }
    for (name, webhook) in &notify.webhooks {
        if exposed(webhook.url.as_ref())
            .and_then(parse_web_url)
            .is_none()
        {
            let key = format!("notify.webhooks.{name}.url");
            return Err(wrong(key, "no URL", "one of http or https"));
        }
        for (header, value) in &webhook.headers {
            if header_error(header, value.expose_secret()).is_some() {
                let key = format!("notify.webhooks.{name}.headers.{header}");
                return Err(wrong(
                    key,
                    "a header that there can't be",
                    "one line of ASCII",
                ));
            }
        }
    }
    Ok(())
}

fn not_above(at: &str, timeout: Duration, other: &str, limit: Duration) -> Result<(), OutOfBounds> {
    if timeout <= limit {
        return Ok(());
    }
    Err(OutOfBounds {
        key: format!("{at}.timeout"),
        found: duration_text(timeout),
        expected: format!("at most its `{other}` ({})", duration_text(limit)),
    })
}

fn limits(at: &str, limits: &Limits) -> Result<(), OutOfBounds> {
    let Limits {
        fuel,
        memory,
        output,
        connections,
        http_body,
    } = *limits;
    number::<Fuel>(&format!("{at}.fuel"), fuel)?;
    number::<Connections>(&format!("{at}.connections"), connections)?;
    size::<Memory>(&format!("{at}.memory"), memory)?;
    size::<Output>(&format!("{at}.output"), output)?;
    size::<HttpBody>(&format!("{at}.http_body"), http_body)
}

fn period(key: &str, found: Duration) -> Result<(), OutOfBounds> {
    if (MIN_DURATION..=MAX_DURATION).contains(&found) {
        return Ok(());
    }
    let (shortest, longest) = (duration_text(MIN_DURATION), duration_text(MAX_DURATION));
    Err(OutOfBounds {
        key: key.to_owned(),
        found: duration_text(found),
        expected: format!("a duration from {shortest} to {longest}"),
    })
}

fn number<B: Bounds>(key: &str, found: impl Into<u64>) -> Result<(), OutOfBounds> {
    within::<B>(key, found.into(), |number| number.to_string())
}

fn size<B: Bounds>(key: &str, found: u64) -> Result<(), OutOfBounds> {
    within::<B>(key, found, |bytes| Size::of_bytes(bytes).to_string())
}

fn within<B: Bounds>(
    key: &str,
    found: u64,
    shown: impl Fn(u64) -> String,
) -> Result<(), OutOfBounds> {
    if (B::MIN..=B::MAX).contains(&found) {
        return Ok(());
    }
    Err(OutOfBounds {
        key: key.to_owned(),
        found: shown(found),
        expected: format!("{} to {}", shown(B::MIN), shown(B::MAX)),
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn diagnostic(change: impl FnOnce(&mut Config)) -> String {
        let text = "[checks.db]\nplugin = 'postgres'";
        let mut config = text.parse::<Config>().expect("it is fine");
        assert_eq!(config.hold_to_bounds(), Ok(()));
        change(&mut config);
        config.hold_to_bounds().expect_err("no more").to_string()
    }

    #[test]
    fn what_no_file_could_say_is_refused_by_its_key() {
        assert_eq!(
            diagnostic(|config| config.plugins.rescan = Duration::ZERO),
            "`plugins.rescan` of the configuration is 0s: set it to a duration from 1ms to 24h"
        );
        assert_eq!(
            diagnostic(|config| config.engine.max_runs = 0),
            "`engine.max_runs` of the configuration is 0: set it to 1 to 4096"
        );
        let schedule = |interval, retry_interval| {
            diagnostic(|config| {
                for check in config.checks.values_mut() {
                    check.schedule.interval = Duration::from_secs(interval);
                    check.schedule.retry_interval = Duration::from_secs(retry_interval);
                }
            })
        };
        assert_eq!(
            schedule(4, 30),
            "`checks.db.timeout` of the configuration is 5s: set it to at most its `interval` (4s)"
        );
        assert_eq!(
            schedule(30, 4),
            "`checks.db.timeout` of the configuration is 5s: set it to at most its \
             `retry_interval` (4s)"
        );
        let often = NonZeroU32::MAX;
        let keys = [
            diagnostic(|config| config.server.startup_grace = Duration::MAX),
            diagnostic(|config| config.server.shutdown_grace = Duration::ZERO),
            diagnostic(|config| config.engine.guest_threads = 5000),
            diagnostic(|config| config.notify.timeout = Duration::ZERO),
            diagnostic(|config| config.notify.alertmanager.urls = vec!["am:9093".into()]),
            diagnostic(|config| config.defaults.schedule.rise = often),
            diagnostic(|config| config.defaults.limits.memory = 1),
            diagnostic(|config| {
                for check in config.checks.values_mut() {
                    check.schedule.interval = Duration::ZERO;
                }
            }),
            diagnostic(|config| {
                for check in config.checks.values_mut() {
                    check.limits.fuel = 0;
                }
            }),
        ]
        .map(|text| text.split('`').nth(1).unwrap_or_default().to_owned());
        let expected = [
            "server.startup_grace",
            "server.shutdown_grace",
            "engine.guest_threads",
            "notify.timeout",
            "notify.alertmanager.urls[0]",
            "defaults.rise",
            "defaults.limits.memory",
            "checks.db.interval",
            "checks.db.limits.fuel",
        ];
        assert_eq!(keys, expected);
    }
}
