//! The `redis` check: PING, and replication, memory and clients from INFO.
//!
//! This file sends the commands; `info` parses INFO and `judge` judges.

mod info;
mod judge;
mod server_error;
mod wire;

use vitals_sdk::net::ConnectSettings;
use vitals_sdk::prelude::*;
use vitals_sdk::tls::EncryptionSettings;

use info::Info;
use judge::judge;
use redis_protocol::resp2::types::OwnedFrame;
use server_error::server_error;
use wire::Wire;

/// Logs in to a Redis server, sends PING, and checks replication, memory and clients.
#[derive(Config)]
struct Settings {
    /// The address of the server.
    #[config(grant = "tls")]
    address: Address,
    #[config(flatten)]
    encryption: EncryptionSettings,
    #[config(flatten)]
    connection: ConnectSettings,
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
    /// Whether the cluster that the server belongs to must be able to serve all keys.
    #[config(default = false)]
    cluster: bool,
    /// The name of a master, as the Sentinel at `address` knows it. The Sentinels that it reaches
    /// must suffice to fail over.
    sentinel: Option<String>,
    /// The check is degraded if it takes longer in total.
    degraded_above: Option<Duration>,
    /// The check is unhealthy if it takes longer in total.
    unhealthy_above: Option<Duration>,
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
    let mut wire = Wire::open(&settings)?;
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
    let mut parts = Vec::new();
    if settings.cluster {
        parts.push(cluster_state(&mut wire)?);
    }
    if let Some(master) = &settings.sentinel {
        parts.push(quorum(&mut wire, master)?);
    }
    let outcome = judge(&settings, info.as_ref(), parts);
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

/// Asks whether all hash slots of the cluster are served.
fn cluster_state(wire: &mut Wire) -> Result<(Status, String)> {
    let answer = wire
        .command(&["CLUSTER", "INFO"])
        .context("CLUSTER INFO failed")?;
    let OwnedFrame::BulkString(text) = answer else {
        return Err(wire.protocol_error());
    };
    let text = String::from_utf8_lossy(&text);
    let state = text
        .lines()
        .find_map(|line| line.strip_prefix("cluster_state:"));
    let state = state.context("the server's CLUSTER INFO lacks the state of the cluster")?;
    let (status, state) = match state.trim() {
        "ok" => (Status::Healthy, "ok".to_owned()),
        other => (Status::Unhealthy, shortened(other, CHARS_SHOWN)),
    };
    Ok((status, format!("the state of the cluster is {state}")))
}

/// Asks a Sentinel whether enough others are there to fail over.
fn quorum(wire: &mut Wire, master: &str) -> Result<(Status, String)> {
    match wire.reply_to(&["SENTINEL", "CKQUORUM", master])? {
        OwnedFrame::SimpleString(_) => {
            let text = format!("the Sentinels can fail over {master}");
            Ok((Status::Healthy, text))
        }
        OwnedFrame::Error(text) if text.starts_with("NOQUORUM") => {
            let why = shortened(text.trim_start_matches("NOQUORUM").trim(), CHARS_SHOWN);
            let text = format!("the Sentinels cannot fail over {master}: {why}");
            Ok((Status::Unhealthy, text))
        }
        OwnedFrame::Error(text) => Err(server_error(&text).context("SENTINEL CKQUORUM failed")),
        _ => Err(wire.protocol_error()),
    }
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

/// The number of characters of a state in a message.
const CHARS_SHOWN: usize = 128;

#[cfg(test)]
mod tests;
