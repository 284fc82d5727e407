//! The `postgres` check: a query, and replication and connections of the server.
//!
//! This file gathers the facts and has them judged; `session` is the connection.

mod judge;
mod login;
mod server_error;
mod session;
mod state;
mod wire;

use vitals_sdk::net::ConnectSettings;
use vitals_sdk::prelude::*;
use vitals_sdk::tls::EncryptionSettings;

use judge::Findings;
use session::Session;
use state::State;

/// Logs in to a PostgreSQL server, runs a query, and checks replication and connections.
#[derive(Config)]
struct Settings {
    /// The address of the server.
    #[config(grant = "tls")]
    address: Address,
    #[config(flatten)]
    encryption: EncryptionSettings,
    #[config(flatten)]
    connection: ConnectSettings,
    /// The user to log in as.
    user: String,
    /// The password, for SCRAM-SHA-256 and MD5. A cleartext password is sent only with
    /// `tls = "verify-full"` or `pins`.
    #[config(secret)]
    password: Option<String>,
    /// The database. The default is the name of the user.
    database: Option<String>,
    /// One statement, which cannot write. The first column of its first row is the value. It is
    /// never shown.
    #[config(default = "SELECT 1")]
    query: String,
    /// Whether the server is the console of PgBouncer, its database `pgbouncer`. It knows no
    /// transactions, so the query must begin with `SHOW`.
    #[config(default = false)]
    console: bool,
    /// The expected value, in PostgreSQL's notation: `t`, `42`, `ready`.
    expect: Option<String>,
    /// The check is degraded if the value is greater.
    value_degraded_above: Option<f64>,
    /// The check is unhealthy if the value is greater.
    value_unhealthy_above: Option<f64>,
    /// The check is degraded if the value is smaller. Not together with `value_degraded_above`.
    value_degraded_below: Option<f64>,
    /// The check is unhealthy if the value is smaller. Not together with `value_unhealthy_above`.
    value_unhealthy_below: Option<f64>,
    /// The role that the server must have.
    role: Option<Role>,
    /// The check is degraded if the replication lag of a standby is longer.
    lag_degraded_above: Option<Duration>,
    /// The check is unhealthy if the replication lag of a standby is longer.
    lag_unhealthy_above: Option<Duration>,
    /// The check is degraded if a larger share of `max_connections` is in use: 0.8 for 80 %.
    #[config(range(0..=1))]
    connections_degraded_above: Option<f64>,
    /// The check is unhealthy if a larger share of `max_connections` is in use.
    #[config(range(0..=1))]
    connections_unhealthy_above: Option<f64>,
    /// The check is degraded if it takes longer in total.
    degraded_above: Option<Duration>,
    /// The check is unhealthy if it takes longer in total.
    unhealthy_above: Option<Duration>,
}

/// The role of a server in replication.
#[derive(Config, Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Primary,
    Standby,
}

#[health_check(code = "postgres")]
fn check(settings: Settings) -> Result<Outcome> {
    settings.validate()?;
    let started = clock::Instant::now();
    let mut session = Session::open(&settings)?;
    let value = if settings.console {
        session.query_console(&settings.query)
    } else {
        session.begin()?;
        session.query(&settings.query)
    };
    let value = value.context("the query failed")?;
    let state = if settings.needs_state() {
        Some(State::query(&mut session, settings.lag_limit())?)
    } else {
        None
    };
    session.end();
    let findings = Findings {
        value,
        state,
        elapsed: started.elapsed(),
    };
    Ok(findings.judge(&settings))
}

impl Settings {
    /// Whether the settings need the server's state in addition to the query.
    fn needs_state(&self) -> bool {
        self.role.is_some()
            || self.lag_limit().is_some()
            || self.connections_degraded_above.is_some()
            || self.connections_unhealthy_above.is_some()
    }

    /// The lag above which the check is not healthy.
    fn lag_limit(&self) -> Option<Duration> {
        let limits = [self.lag_degraded_above, self.lag_unhealthy_above];
        limits.into_iter().flatten().min()
    }

    /// Rejects a value that has bounds on both sides, and what the console cannot do.
    fn validate(&self) -> Result<()> {
        if self.console {
            let beginning = self.query.trim_start().get(..5);
            let is_show = beginning.is_some_and(|word| word.eq_ignore_ascii_case("show "));
            if !is_show || self.query.contains(';') {
                return Err(Error::new(
                    "with `console` the query must be one statement that begins with `SHOW`",
                ));
            }
            if self.needs_state() {
                return Err(Error::new(
                    "the console knows neither role, lag nor connections: remove `console`, or the \
                     settings about them",
                ));
            }
        }
        for (above, below, status) in [
            (
                self.value_degraded_above,
                self.value_degraded_below,
                "degraded",
            ),
            (
                self.value_unhealthy_above,
                self.value_unhealthy_below,
                "unhealthy",
            ),
        ] {
            if above.is_some() && below.is_some() {
                return Err(Error::new(format_args!(
                    "`value_{status}_above` and `value_{status}_below` cannot both be set: remove one"
                )));
            }
        }
        Ok(())
    }
}

/// The number of characters of external text in a message or detail.
const SHOWN: usize = 256;

#[cfg(test)]
mod tests;
