//! What the service manager that started the process wants told, by the variables that systemd
//! sets. Knows nothing of how it is told.

use std::ffi::OsString;
use std::time::Duration;

use super::diagnostic::{Diagnostic, Location};
use super::diagnostics_collector::DiagnosticsCollector;
use super::environment::{Environment, NOTIFY_SOCKET, WATCHDOG_PID, WATCHDOG_USEC};
use vitals_model::Text;

/// What the service manager that started the process wants told. Set by its environment alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supervision {
    /// Where it listens: a path, or an abstract name after `@`. Environment: `NOTIFY_SOCKET`.
    pub socket: Option<OsString>,
    /// How long it waits for a sign of life before it ends the process. Environment:
    /// `WATCHDOG_USEC`, unless `WATCHDOG_PID` names another process.
    pub watchdog: Option<Duration>,
}

impl Supervision {
    pub(super) fn read(environment: &Environment, collector: &DiagnosticsCollector) -> Self {
        let micros = number(environment, WATCHDOG_USEC.name, collector);
        let pid = number(environment, WATCHDOG_PID.name, collector);
        let is_meant = pid.is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = micros.filter(|micros| is_meant && *micros > 0);
        Self {
            socket: environment.get(NOTIFY_SOCKET.name),
            watchdog: watchdog.map(Duration::from_micros),
        }
    }
}

fn number(environment: &Environment, name: &str, collector: &DiagnosticsCollector) -> Option<u64> {
    let text = environment.text(name).unwrap_or_else(|error| {
        collector.push(error);
        None
    })?;
    let number = text.parse().ok();
    if number.is_none() {
        let shown = Text::line(&text, 40);
        collector.push(Diagnostic {
            location: Location::Variable(name.to_owned()),
            key: String::new(),
            message: format!("`{shown}` is no whole number"),
            remedy: "leave it to systemd, or set none".to_owned(),
        });
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
    fn a_process_that_nobody_supervises_tells_nobody() {
        assert_eq!(read(&[]).expect("fine"), Supervision::default());
    }

    #[test]
    fn the_watchdog_is_for_the_process_that_it_names() {
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
    fn what_is_no_number_is_named() {
        let found = read(&[("WATCHDOG_USEC", "30s")]).expect_err("no number");
        assert_eq!(
            found.to_string(),
            "environment variable WATCHDOG_USEC: `30s` is no whole number: leave it to systemd, or \
             set none"
        );
    }
}
