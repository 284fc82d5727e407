//! What the service manager that started the process expects, from the variables that systemd sets.
//! Does not know how it is notified.

use std::ffi::OsString;
use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::diagnostics_collector::DiagnosticsCollector;
use super::environment::{Environment, NOTIFY_SOCKET, WATCHDOG_PID, WATCHDOG_USEC};
use vitals_model::Text;

/// What the service manager that started the process expects. Only its environment sets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supervision {
    /// The socket to notify: a path, or an abstract name after `@`. Default: none. Environment:
    /// `NOTIFY_SOCKET`.
    pub socket: Option<OsString>,
    /// The time within which the service manager expects a keep-alive. It ends the process without
    /// one. Default: none. Environment: `WATCHDOG_USEC`, unless `WATCHDOG_PID` names another
    /// process.
    pub watchdog: Option<Duration>,
}

impl Supervision {
    pub(super) fn read(environment: &Environment, collector: &DiagnosticsCollector) -> Self {
        let micros = number(environment, WATCHDOG_USEC, collector);
        let pid = number(environment, WATCHDOG_PID, collector);
        let is_meant = pid.is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = micros.filter(|micros| is_meant && *micros > 0);
        Self {
            socket: environment.get(NOTIFY_SOCKET),
            watchdog: watchdog.map(Duration::from_micros),
        }
    }
}

fn number(environment: &Environment, name: &str, collector: &DiagnosticsCollector) -> Option<u64> {
    let text = environment.collect(name, collector)?;
    let number = text.parse().ok();
    if number.is_none() {
        let message = format!("`{}` is not a whole number", Text::line(&text, 40));
        let remedy = "let systemd set it, or unset it";
        collector.push(Diagnostic::of_variable(name, message, remedy));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Diagnostics, Sources};

    fn read(variables: &[(&str, &str)]) -> Result<Supervision, Diagnostics> {
        let sources = Sources {
            environment: Environment::fixed(variables.iter().copied()),
            directory: "/nowhere".into(),
            ..Sources::default()
        };
        Config::load(&sources).map(|config| config.supervision)
    }

    #[test]
    fn without_a_service_manager_nothing_is_notified() {
        assert_eq!(read(&[]).expect("fine"), Supervision::default());
    }

    #[test]
    fn a_watchdog_for_another_process_is_ignored() {
        let own = std::process::id().to_string();
        let half_a_minute = Some(Duration::from_secs(30));
        for (variables, watchdog) in [
            (&[("WATCHDOG_USEC", "30000000")][..], half_a_minute),
            (
                &[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", &own)],
                half_a_minute,
            ),
            (
                &[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "1")],
                None,
            ),
            (&[("WATCHDOG_USEC", "0")], None),
            (&[("WATCHDOG_PID", &own)], None),
        ] {
            let found = read(variables).expect("fine");
            assert_eq!(found.watchdog, watchdog, "{variables:?}");
        }
    }

    #[test]
    fn a_timeout_that_is_not_a_number_is_reported() {
        let found = read(&[("WATCHDOG_USEC", "30s")]).expect_err("no number");
        assert_eq!(
            found.to_string(),
            "environment variable WATCHDOG_USEC: `30s` is not a whole number: let systemd set it, or unset \
             it"
        );
    }
}
