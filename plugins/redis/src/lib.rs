//! The `redis` check: whether a server answers PING, and what INFO says of replication, memory and clients.
//!
//! This file says what is asked; `info` reads the answer and `judge` says what it comes to.

mod info;
mod judge;
mod refusal;
mod wire;

use vitals_sdk::prelude::*;

use info::Info;
use judge::judge;
use redis_protocol::resp2::types::OwnedFrame;
use wire::Wire;

/// Logs in to a Redis server, sends PING, and looks at replication, memory and clients.
#[derive(Config)]
struct Settings {
    /// The server.
    #[config(grant = "tls")]
    address: Address,
    /// Whether the connection is encrypted: not at all, with any certificate, or with one that is trusted for the
    /// host of `address`.
    #[config(default = "disable")]
    tls: Tls,
    /// Who logs in; without one, the default user.
    user: Option<String>,
    /// The password. Without `tls` it goes over the network as it is.
    #[config(secret)]
    password: Option<String>,
    /// The number of the database to select; without one, it stays 0.
    database: Option<u32>,
    /// What the server has to be.
    role: Option<Role>,
    /// A replica that has heard nothing of its master for longer than this is degraded. One that has lost it is in any
    /// case.
    lag_degraded_above: Option<Duration>,
    /// A replica that has heard nothing of its master for longer than this is unhealthy.
    lag_unhealthy_above: Option<Duration>,
    /// A larger share of `maxmemory` in use than this is degraded: 0.9 for 90 %. Without a `maxmemory` it is that of the
    /// machine.
    #[config(range(0..=1))]
    memory_degraded_above: Option<f64>,
    /// A larger share of `maxmemory` in use than this is unhealthy.
    #[config(range(0..=1))]
    memory_unhealthy_above: Option<f64>,
    /// A larger share of `maxclients` connected than this is degraded.
    #[config(range(0..=1))]
    clients_degraded_above: Option<f64>,
    /// A larger share of `maxclients` connected than this is unhealthy.
    #[config(range(0..=1))]
    clients_unhealthy_above: Option<f64>,
    /// Whether it is degraded that the last save to disk failed, of RDB or AOF.
    #[config(default = false)]
    saves: bool,
    /// A longer time than this, for all of it, is degraded.
    degraded_above: Option<Duration>,
    /// A longer time than this, for all of it, is unhealthy.
    unhealthy_above: Option<Duration>,
}

/// How a connection is protected; in the words of libpq, as the check `postgres` has them.
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
    Master,
    Replica,
}

#[health_check(code = "redis")]
fn check(settings: Settings) -> Result<Outcome> {
    let started = clock::Instant::now();
    let mut wire = Wire::open(&settings.address, settings.tls)?;
    log_in(&mut wire, &settings)?;
    if let Some(database) = settings.database {
        wire.ask(&["SELECT", &database.to_string()])
            .with_context(|| format!("cannot select database {database}"))?;
    }
    let answer = wire.ask(&["PING"]).context("PING failed")?;
    if answer != OwnedFrame::SimpleString(b"PONG".to_vec()) {
        return Err(wire.garbage());
    }
    let info = if settings.asks_for_info() {
        Some(ask_for_info(&mut wire)?)
    } else {
        None
    };
    let outcome = judge(&settings, info.as_ref());
    Ok(outcome.timed(
        started.elapsed(),
        Thresholds {
            degraded_above: settings.degraded_above,
            unhealthy_above: settings.unhealthy_above,
        },
    ))
}

fn log_in(wire: &mut Wire, settings: &Settings) -> Result<()> {
    let Some(password) = &settings.password else {
        return match settings.user {
            Some(_) => Err(Error::new("`user` needs a `password`")),
            None => Ok(()),
        };
    };
    let mut auth = vec!["AUTH"];
    auth.extend(settings.user.as_deref());
    auth.push(password);
    wire.ask(&auth).context("cannot log in")?;
    Ok(())
}

fn ask_for_info(wire: &mut Wire) -> Result<Info> {
    let answer = wire.ask(&["INFO"]).context("INFO failed")?;
    let OwnedFrame::BulkString(text) = answer else {
        return Err(wire.garbage());
    };
    Info::read(&String::from_utf8_lossy(&text))
        .context("the server does not say in INFO what Redis says there")
}

impl Settings {
    /// Whether more is asked of the server than PING.
    fn asks_for_info(&self) -> bool {
        let shares = [
            self.memory_degraded_above,
            self.memory_unhealthy_above,
            self.clients_degraded_above,
            self.clients_unhealthy_above,
        ];
        self.role.is_some()
            || self.lag_degraded_above.is_some()
            || self.lag_unhealthy_above.is_some()
            || self.saves
            || shares.iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests;
