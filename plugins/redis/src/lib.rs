//! The `redis` check: PING, and replication, memory and clients from INFO.
//!
//! This file sends the commands; `info` parses INFO and `judge` judges.

mod info;
mod judge;
mod server_error;
mod wire;

use vitals_sdk::prelude::*;

use info::Info;
use judge::judge;
use redis_protocol::resp2::types::OwnedFrame;
use wire::Wire;

/// Logs in to a Redis server, sends PING, and checks replication, memory and clients.
#[derive(Config)]
struct Settings {
    /// The address of the server.
    #[config(grant = "tls")]
    address: Address,
    /// Encryption of the connection: none, with any certificate, or with a certificate that is
    /// trusted for the host of `address`.
    #[config(default = "disable")]
    tls: Tls,
    /// The user to log in as. The default is the server's default user.
    user: Option<String>,
    /// The password. Without `tls` it is sent unencrypted.
    #[config(secret)]
    password: Option<String>,
    /// The number of the database to select. The default is 0.
    database: Option<u32>,
    /// The role that the server must have.
    role: Option<Role>,
    /// The check is degraded if a replica last heard from its master longer ago. A replica that
    /// lost its master is always degraded.
    lag_degraded_above: Option<Duration>,
    /// The check is unhealthy if a replica last heard from its master longer ago.
    lag_unhealthy_above: Option<Duration>,
    /// The check is degraded if a larger share of `maxmemory` is in use: 0.9 for 90 %. Without
    /// `maxmemory`, the share of the machine's memory counts.
    #[config(range(0..=1))]
    memory_degraded_above: Option<f64>,
    /// The check is unhealthy if a larger share of `maxmemory` is in use.
    #[config(range(0..=1))]
    memory_unhealthy_above: Option<f64>,
    /// The check is degraded if a larger share of `maxclients` is connected.
    #[config(range(0..=1))]
    clients_degraded_above: Option<f64>,
    /// The check is unhealthy if a larger share of `maxclients` is connected.
    #[config(range(0..=1))]
    clients_unhealthy_above: Option<f64>,
    /// Whether the check is degraded if the last save to disk, RDB or AOF, failed.
    #[config(default = false)]
    saves: bool,
    /// The check is degraded if it takes longer in total.
    degraded_above: Option<Duration>,
    /// The check is unhealthy if it takes longer in total.
    unhealthy_above: Option<Duration>,
}

/// Encryption of the connection, in libpq's terms as in the check `postgres`.
#[derive(Config, Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    Disable,
    Require,
    #[config(rename = "verify-full")]
    VerifyFull,
}

/// The role of a server in replication.
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
        wire.command(&["SELECT", &database.to_string()])
            .with_context(|| format!("cannot select database {database}"))?;
    }
    let answer = wire.command(&["PING"]).context("PING failed")?;
    if answer != OwnedFrame::SimpleString(b"PONG".to_vec()) {
        return Err(wire.protocol_error());
    }
    let info = if settings.needs_info() {
        Some(read_info(&mut wire)?)
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
            Some(_) => Err(Error::new("`user` requires a `password`")),
            None => Ok(()),
        };
    };
    let mut auth = vec!["AUTH"];
    auth.extend(settings.user.as_deref());
    auth.push(password);
    wire.command(&auth).context("cannot log in")?;
    Ok(())
}

fn read_info(wire: &mut Wire) -> Result<Info> {
    let answer = wire.command(&["INFO"]).context("INFO failed")?;
    let OwnedFrame::BulkString(text) = answer else {
        return Err(wire.protocol_error());
    };
    Info::read(&String::from_utf8_lossy(&text))
        .context("the server's INFO lacks the fields of Redis")
}

impl Settings {
    /// Whether the settings need INFO in addition to PING.
    fn needs_info(&self) -> bool {
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
