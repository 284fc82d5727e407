//! The `postgres` check: whether a server answers a query, and how its replication and connections are.
//!
//! This file says what is asked and judges the answers; `session` is the conversation.

mod judge;
mod login;
mod refusal;
mod session;
mod state;
mod wire;

use vitals_sdk::prelude::*;

use judge::Findings;
use session::Session;
use state::State;

/// Logs in to a PostgreSQL server, asks a query, and looks at replication and connections.
#[derive(Config)]
struct Settings {
    /// The server.
    #[config(grant = "tls")]
    address: Address,
    /// Whether the connection is encrypted: not at all, with any certificate, or with one that is trusted for the
    /// host of `address`.
    #[config(default = "disable")]
    tls: Tls,
    /// Who logs in.
    user: String,
    /// The password, for SCRAM-SHA-256 and MD5; in the clear it is sent over `verify-full` alone.
    #[config(secret)]
    password: Option<String>,
    /// The database; without one, that of the user's name.
    database: Option<String>,
    /// One statement, which can't write. The first column of its first row is the value. It is never shown.
    #[config(default = "SELECT 1")]
    query: String,
    /// What the value has to be, as PostgreSQL writes it: `t`, `42`, `ready`.
    expect: Option<String>,
    /// A greater value than this is degraded.
    value_degraded_above: Option<f64>,
    /// A greater value than this is unhealthy.
    value_unhealthy_above: Option<f64>,
    /// A smaller value than this is degraded. Not together with `value_degraded_above`.
    value_degraded_below: Option<f64>,
    /// A smaller value than this is unhealthy. Not together with `value_unhealthy_above`.
    value_unhealthy_below: Option<f64>,
    /// What the server has to be.
    role: Option<Role>,
    /// A standby that is further behind its primary than this is degraded.
    lag_degraded_above: Option<Duration>,
    /// A standby that is further behind its primary than this is unhealthy.
    lag_unhealthy_above: Option<Duration>,
    /// A larger share of `max_connections` in use than this is degraded: 0.8 for 80 %.
    #[config(range(0..=1))]
    connections_degraded_above: Option<f64>,
    /// A larger share of `max_connections` in use than this is unhealthy.
    #[config(range(0..=1))]
    connections_unhealthy_above: Option<f64>,
    /// A longer time than this, for all of it, is degraded.
    degraded_above: Option<Duration>,
    /// A longer time than this, for all of it, is unhealthy.
    unhealthy_above: Option<Duration>,
}

/// How a connection is protected; in the words of libpq.
#[derive(Config, Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    Disable,
    Require,
    #[config(rename = "verify-full")]
    VerifyFull,
}

/// What a server is in replication.
#[derive(Config, Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Primary,
    Standby,
}

#[health_check(code = "postgres")]
fn check(settings: Settings) -> Result<Outcome> {
    settings.make_sense()?;
    let started = clock::Instant::now();
    let mut session = Session::open(&settings)?;
    session.begin()?;
    let value = session.ask(&settings.query).context("the query failed")?;
    let state = if settings.asks_for_state() {
        Some(State::ask(&mut session, settings.lag_limit())?)
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
    /// Whether more is asked of the server than the query.
    fn asks_for_state(&self) -> bool {
        self.role.is_some()
            || self.lag_limit().is_some()
            || self.connections_degraded_above.is_some()
            || self.connections_unhealthy_above.is_some()
    }

    /// The lag from which on something is wrong.
    fn lag_limit(&self) -> Option<Duration> {
        let limits = [self.lag_degraded_above, self.lag_unhealthy_above];
        limits.into_iter().flatten().min()
    }

    /// A bound has one side.
    fn make_sense(&self) -> Result<()> {
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
                    "`value_{status}_above` and `value_{status}_below` can't both be set: leave one out"
                )));
            }
        }
        Ok(())
    }
}

/// How many characters of a foreign text are in a message or detail.
const SHOWN: usize = 256;

#[cfg(test)]
mod tests;
