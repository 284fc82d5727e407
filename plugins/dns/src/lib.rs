//! The `dns` check: one query to a server, or to the host's resolver, and the expected response.
//!
//! This file sends the query; `message` has the messages of the protocol, `server` the transport,
//! `judge` the judgement.

mod judge;
mod message;
mod server;

use vitals_sdk::net::{Family, FamilySettings};
use vitals_sdk::prelude::*;

use judge::Lookup;
use message::{Kind, Question, Response};
use server::Transport;

/// Queries a DNS server, or the host's resolver, and checks the response.
#[derive(Config)]
struct Settings {
    /// The name to query.
    #[config(grant = "name")]
    name: String,
    /// The type of the records.
    #[config(default = "A", rename = "type")]
    kind: Kind,
    /// The server to query. The default is the host's resolver, which returns only `A` and `AAAA`.
    #[config(grant = ["udp", "tcp"])]
    server: Option<Address>,
    /// The transport of the query. A response that is too long for UDP is fetched over TCP in
    /// either case.
    #[config(default = "udp")]
    transport: Transport,
    #[config(flatten)]
    addresses: FamilySettings,
    /// How often each address of the server is asked over UDP, as long as it does not answer. The
    /// timeout is divided evenly.
    #[config(default = 2, range(1..=10))]
    attempts: u8,
    /// The expected records: addresses, names, `10 mail.example.com`, text without quotes.
    #[config(default)]
    expect: Vec<String>,
    /// Whether all of the expected records must be present, any of them, or exactly them and no
    /// others.
    #[config(default = "all")]
    matching: Matching,
    /// The expected response code.
    #[config(default = "NOERROR")]
    rcode: Rcode,
    /// Whether the server must be authoritative for the name.
    #[config(default)]
    authoritative: bool,
    /// Whether the server must have validated the response with DNSSEC.
    #[config(default)]
    dnssec: bool,
    /// The check is degraded if the response takes longer.
    degraded_above: Option<Duration>,
    /// The check is unhealthy if the response takes longer.
    unhealthy_above: Option<Duration>,
    /// The timeout of all attempts, and of each step over TCP. The default is the timeout of the
    /// check.
    timeout: Option<Duration>,
}

/// How the records are compared with the expected ones.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
enum Matching {
    All,
    Any,
    Exactly,
}

/// A response code.
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
    let started = clock::Instant::now();
    let lookup = match &settings.server {
        None => ask_host(&settings)?,
        Some(address) => {
            let question = Question::new(&settings.name, settings.kind)?;
            let response = server::ask(&settings, address, &question)?;
            Lookup {
                server: if address.port() == PORT {
                    address.host().to_owned()
                } else {
                    address.to_string()
                },
                response,
            }
        }
    };
    let thresholds = Thresholds {
        degraded_above: settings.degraded_above,
        unhealthy_above: settings.unhealthy_above,
    };
    Ok(judge::outcome(&settings, &lookup).timed(started.elapsed(), thresholds))
}

/// Queries the host's resolver, which returns only addresses.
fn ask_host(settings: &Settings) -> Result<Lookup> {
    let family = match settings.kind {
        Kind::A => Family::Ipv4,
        Kind::Aaaa => Family::Ipv6,
        other => {
            return Err(Error::new(format_args!(
                "the host's resolver does not return {other} records: set `server`"
            )));
        }
    };
    if settings.authoritative || settings.dnssec {
        return Err(Error::new(
            "the host's resolver reports neither authority nor DNSSEC: set `server`",
        ));
    }
    let timeout = settings.timeout.unwrap_or(Duration::MAX);
    let (rcode, addresses) = match dns::look_up_with(&settings.name, family, timeout) {
        Ok(addresses) => (Rcode::NoError, addresses),
        Err(error) => match error.problem() {
            dns::Problem::NotFound => (Rcode::NxDomain, Vec::new()),
            dns::Problem::NoData => (Rcode::NoError, Vec::new()),
            // A resolver that did not answer says nothing about the name.
            _ => return Err(error.into()),
        },
    };
    let mut records: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    records.sort();
    records.dedup();
    Ok(Lookup {
        server: "the host's resolver".to_owned(),
        response: Response {
            rcode: rcode.as_str().to_owned(),
            records,
            ..Response::default()
        },
    })
}

/// The default port of DNS, which messages omit.
const PORT: u16 = 53;

#[cfg(test)]
mod tests;
