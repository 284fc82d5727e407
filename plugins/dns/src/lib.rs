//! The `dns` check: one question to a server, or to the resolver of the host, and what its answer has to be.
//!
//! This file asks; the messages of the protocol stand in `message`, the way to the server in `server`, and
//! what an answer comes to in `judge`.

mod judge;
mod message;
mod server;

use vitals_sdk::prelude::*;

use judge::Found;
use message::{Answered, Kind, Question};
use server::Transport;

/// Asks a server of DNS, or the resolver of the host's machine, and looks at what it answers.
#[derive(Config)]
struct Settings {
    /// What is asked for.
    #[config(grant = "name")]
    name: String,
    /// Which records.
    #[config(default = "A", rename = "type")]
    kind: Kind,
    /// The server that is asked; without one, the resolver of the host's machine, which tells `A` and `AAAA`.
    #[config(grant = ["udp", "tcp"])]
    server: Option<Address>,
    /// How the server is asked; an answer that is too long for a datagram comes over TCP in any case.
    #[config(default = "udp")]
    transport: Transport,
    /// What the records have to be: addresses, names, `10 mail.example.com`, texts without quotes.
    #[config(default)]
    expect: Vec<String>,
    /// How much of that has to be there: all of it, any of it, or exactly it and nothing else.
    #[config(default = "all")]
    matching: Matching,
    /// How the answer has to end.
    #[config(default = "NOERROR")]
    rcode: Rcode,
    /// Whether the server has to know it of itself, not from others.
    #[config(default)]
    authoritative: bool,
    /// Whether the server has to have validated it by DNSSEC.
    #[config(default)]
    dnssec: bool,
    /// A longer answer time than this is degraded.
    degraded_above: Option<Duration>,
    /// A longer answer time than this is unhealthy.
    unhealthy_above: Option<Duration>,
    /// The time for the answer, and for each step over TCP; without one, that of the check.
    timeout: Option<Duration>,
}

/// How what was found is compared with what is expected.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
enum Matching {
    All,
    Any,
    Exactly,
}

/// How an answer ends.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
enum Rcode {
    #[config(rename = "NOERROR")]
    NoError,
    #[config(rename = "NXDOMAIN")]
    NxDomain,
    #[config(rename = "SERVFAIL")]
    ServFail,
    #[config(rename = "REFUSED")]
    Refused,
}

impl Rcode {
    fn as_str(self) -> &'static str {
        match self {
            Self::NoError => "NOERROR",
            Self::NxDomain => "NXDOMAIN",
            Self::ServFail => "SERVFAIL",
            Self::Refused => "REFUSED",
        }
    }
}

#[health_check(code = "dns")]
fn check(settings: Settings) -> Result<Outcome> {
    let timeout = settings.timeout.unwrap_or(Duration::MAX);
    let started = clock::Instant::now();
    let found = match &settings.server {
        None => ask_host(&settings, timeout)?,
        Some(address) => {
            let question = Question::new(&settings.name, settings.kind)?;
            let answered = server::ask(address, settings.transport, &question, timeout)?;
            Found {
                who: if address.port() == PORT {
                    address.host().to_owned()
                } else {
                    address.to_string()
                },
                answered,
            }
        }
    };
    let thresholds = Thresholds {
        degraded_above: settings.degraded_above,
        unhealthy_above: settings.unhealthy_above,
    };
    Ok(judge::outcome(&settings, &found).timed(started.elapsed(), thresholds))
}

/// Asks the resolver of the host's machine. It says no more than addresses.
fn ask_host(settings: &Settings, timeout: Duration) -> Result<Found> {
    let wants_v4 = match settings.kind {
        Kind::A => true,
        Kind::Aaaa => false,
        other => {
            return Err(Error::new(format_args!(
                "the resolver of the host tells no {other}: name a `server` to ask"
            )));
        }
    };
    if settings.authoritative || settings.dnssec {
        return Err(Error::new(
            "the resolver of the host does not say where it knows something from: name a `server` to ask",
        ));
    }
    let (rcode, addresses) = match dns::look_up(&settings.name, timeout) {
        Ok(addresses) => (Rcode::NoError, addresses),
        Err(error) if error.is_not_found() => (Rcode::NxDomain, Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut records: Vec<String> = addresses
        .iter()
        .filter(|address| address.is_ipv4() == wants_v4)
        .map(ToString::to_string)
        .collect();
    records.sort();
    records.dedup();
    Ok(Found {
        who: "the resolver of the host".to_owned(),
        answered: Answered {
            rcode: rcode.as_str().to_owned(),
            records,
            ..Answered::default()
        },
    })
}

/// The port of DNS, which goes without saying.
const PORT: u16 = 53;

#[cfg(test)]
mod tests;
