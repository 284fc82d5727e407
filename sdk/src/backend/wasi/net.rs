//! Connections, datagrams, look-ups and pings over `vitals:health/net`. The host connects, does the
//! handshake and checks grants.

use std::net::IpAddr;
use std::time::Duration;

use crate::backend::bindings::vitals::health::net as contract;
use crate::deadline::Limit;
use crate::net::{ConnectOptions, Failure, Family, Protocol, Until};
use crate::tls::{Certificate, Handshake, TlsOptions, Verification};
use crate::{Address, Deadline, dns, icmp, udp};

/// A connection that the host holds, together with what it has received.
#[derive(Debug)]
pub(crate) struct NetConnection(contract::Connection);

impl NetConnection {
    /// The host decides by the address alone whether it is granted.
    pub(crate) fn connect(
        _: Protocol,
        address: &Address,
        options: &ConnectOptions,
        limit: Limit,
    ) -> Result<Self, Failure> {
        let timeout = milliseconds(limit.deadline)?;
        let options = contract::ConnectOptions {
            family: family(options.family),
            proxy: options.proxy.clone(),
        };
        contract::Connection::connect(address.host(), address.port(), &options, timeout)
            .map(Self)
            .map_err(|error| failure(error, 0))
    }

    pub(crate) fn exchange(
        &mut self,
        bytes: &[u8],
        until: Until<'_>,
        most: usize,
        limit: Limit,
    ) -> Result<Vec<u8>, Failure> {
        let until = match until {
            Until::Some => contract::Until::Some,
            Until::Delimiter(end) => contract::Until::Delimiter(end.to_vec()),
            Until::Length(length) => {
                contract::Until::Length(u32::try_from(length).unwrap_or(u32::MAX))
            }
            Until::End => contract::Until::End,
        };
        let max = u32::try_from(most).unwrap_or(u32::MAX);
        self.0
            .exchange(bytes, &until, max, milliseconds(limit.deadline)?)
            .map_err(|error| failure(error, most))
    }

    pub(crate) fn write(&mut self, bytes: &[u8], limit: Limit) -> Result<(), Failure> {
        self.0
            .write(bytes, milliseconds(limit.deadline)?)
            .map_err(|error| failure(error, 0))
    }

    pub(crate) fn finish(&mut self, limit: Limit) -> Result<(), Failure> {
        self.0
            .finish(milliseconds(limit.deadline)?)
            .map_err(|error| failure(error, 0))
    }

    pub(crate) fn start_tls(
        &mut self,
        options: &TlsOptions,
        limit: Limit,
    ) -> Result<Handshake, Failure> {
        let timeout = milliseconds(limit.deadline)?;
        let options = contract::TlsOptions {
            server_name: options.server_name.clone(),
            verification: verification(&options.verification),
            alpn: options.alpn.clone(),
            client_certificate: options.client_certificate.clone(),
        };
        match self.0.start_tls(&options, timeout) {
            Ok(started) => Ok(handshake(started)),
            Err(error) => Err(failure(error, 0)),
        }
    }
}

pub(crate) fn look_up(
    name: &str,
    of: Family,
    deadline: Deadline,
) -> Result<Vec<IpAddr>, dns::Problem> {
    // The caller fills in the limit.
    let late = dns::Problem::Timeout(Duration::ZERO);
    let Ok(timeout) = milliseconds(deadline) else {
        return Err(late);
    };
    match contract::resolve(name, family(of), timeout) {
        Ok(addresses) => Ok(addresses
            .iter()
            .filter_map(|address| address.parse().ok())
            .collect()),
        Err(contract::NetError::Denied(why)) => Err(dns::Problem::Denied(why)),
        Err(contract::NetError::NotResolved(why)) => Err(not_resolved(why)),
        Err(contract::NetError::Timeout) => Err(late),
        Err(contract::NetError::Failed(why)) => Err(dns::Problem::Failed(why)),
        Err(_) => Err(dns::Problem::TryAgain),
    }
}

pub(crate) fn exchange_datagrams(
    address: &Address,
    datagram: &[u8],
    options: &udp::Options,
    limit: Limit,
) -> Result<Vec<udp::Reply>, Failure> {
    let timeout = milliseconds(limit.deadline)?;
    let options = contract::DatagramOptions {
        family: family(options.family),
        attempts: options.attempts,
        replies: options.replies,
    };
    let replies = contract::datagram(address.host(), address.port(), datagram, options, timeout);
    let replies = replies.map_err(|error| failure(error, 0))?.into_iter();
    Ok(replies
        .map(|reply| udp::Reply {
            bytes: reply.bytes,
            address: reply.address,
            time: seconds(reply.seconds),
        })
        .collect())
}

pub(crate) fn ping(
    host: &str,
    options: &icmp::Options,
    limit: Limit,
) -> Result<icmp::Ping, Failure> {
    let timeout = milliseconds(limit.deadline)?;
    let options = contract::PingOptions {
        family: family(options.family),
        count: options.count,
        interval_ms: u32::try_from(options.interval.as_millis()).unwrap_or(u32::MAX),
        size: options.size,
    };
    let result = contract::ping(host, options, timeout).map_err(|error| failure(error, 0))?;
    let address = result
        .address
        .parse()
        .map_err(|_| Failure::Failed(format!("`{}` is not an IP address", result.address)))?;
    let times = result.times.into_iter();
    Ok(icmp::Ping {
        address,
        times: times.map(|time| time.map(seconds)).collect(),
    })
}

pub(super) fn family(family: Family) -> contract::Family {
    match family {
        Family::Any => contract::Family::Any,
        Family::Ipv4 => contract::Family::Ipv4,
        Family::Ipv6 => contract::Family::Ipv6,
    }
}

pub(super) fn verification(verification: &Verification) -> contract::Verification {
    match verification {
        Verification::ChainAndName => contract::Verification::ChainAndName,
        Verification::Chain => contract::Verification::Chain,
        Verification::Pins(pins) => contract::Verification::Pins(pins.clone()),
        Verification::None => contract::Verification::None,
    }
}

pub(super) fn handshake(handshake: contract::Handshake) -> Handshake {
    Handshake {
        chain: handshake.chain.into_iter().map(certificate).collect(),
        protocol: handshake.protocol,
        cipher: handshake.cipher,
        alpn: handshake.alpn,
        verification_error: handshake.verification_error,
    }
}

pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Returns the remaining time in milliseconds. No remaining time is a timeout.
fn milliseconds(deadline: Deadline) -> Result<u32, Failure> {
    if deadline.has_passed() {
        return Err(Failure::Timeout);
    }
    Ok(super::time::milliseconds(deadline))
}

/// Translates the error of a call that reads `most` bytes at most.
fn failure(error: contract::NetError, most: usize) -> Failure {
    match error {
        contract::NetError::Denied(why) => Failure::Denied(why),
        contract::NetError::NotResolved(why) => Failure::NotResolved(not_resolved(why)),
        contract::NetError::Refused => Failure::Refused,
        contract::NetError::Unreachable => Failure::Unreachable,
        contract::NetError::Timeout => Failure::Timeout,
        contract::NetError::Closed => Failure::Closed,
        contract::NetError::TooLarge => Failure::TooLarge(most),
        contract::NetError::Tls(why) | contract::NetError::Failed(why) => Failure::Failed(why),
    }
}

fn not_resolved(error: contract::ResolveError) -> dns::Problem {
    match error {
        contract::ResolveError::NotFound => dns::Problem::NotFound,
        contract::ResolveError::NoData => dns::Problem::NoData,
        contract::ResolveError::TryAgain => dns::Problem::TryAgain,
        contract::ResolveError::Failed(why) => dns::Problem::Failed(why),
    }
}

fn certificate(certificate: contract::Certificate) -> Certificate {
    Certificate {
        subject: certificate.subject,
        issuer: certificate.issuer,
        names: certificate.names,
        serial: certificate.serial,
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        sha256: certificate.sha256,
        public_key_sha256: certificate.public_key_sha256,
    }
}
