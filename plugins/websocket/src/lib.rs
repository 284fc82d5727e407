//! The `websocket` check: a WebSocket (RFC 6455), and an optional exchange on it.
//!
//! This file runs the steps and makes the outcome. `stream` is the connection, `upgrade` the
//! opening handshake over HTTP, `exchange` what follows it.

mod exchange;
mod stream;
mod upgrade;

use std::collections::BTreeMap;

use vitals_sdk::net::ConnectSettings;
use vitals_sdk::prelude::*;
use vitals_sdk::tls::{Certificate, Handshake, TlsSettings};

use exchange::Exchange;
use stream::Stream;
use upgrade::{Target, Upgrade};

/// Opens a WebSocket and checks that the server answers a ping or sends what is expected.
#[derive(Config)]
struct Settings {
    /// The address to connect to.
    #[config(grant = "tcp")]
    address: Address,
    /// Whether the connection uses TLS, as in a URL with `wss://`.
    #[config(default = false)]
    tls: bool,
    /// The path of the endpoint, with its query if it has one. The query is never shown.
    #[config(default = "/")]
    path: String,
    /// The name that the server is asked for, in the header `host` and in TLS. The default is the
    /// host of `address`. Use it to check one server of several by its address.
    host: Option<String>,
    #[config(flatten)]
    certificate: TlsSettings,
    #[config(flatten)]
    connection: ConnectSettings,
    /// More headers of the request. They are never shown.
    #[config(default, secret)]
    headers: BTreeMap<String, String>,
    /// The header `origin`, which some servers require: `https://shop.example.com`.
    origin: Option<String>,
    /// Subprotocols to request, the preferred one first. The server must select one of them.
    #[config(default)]
    protocols: Vec<String>,
    /// The text to send after the opening handshake. It is never shown.
    #[config(secret)]
    send: Option<String>,
    /// The text that a message must contain, within the first 64 KiB.
    expect: Option<String>,
    /// Whether the server must answer a ping. The default is `true` without `expect`.
    ping: Option<bool>,
    /// The check is degraded if it takes longer in total.
    degraded_above: Option<Duration>,
    /// The check is unhealthy if it takes longer in total.
    unhealthy_above: Option<Duration>,
    /// The timeout of each step: connecting, the TLS handshake, the opening handshake, the
    /// exchange. The default is the timeout of the check.
    timeout: Option<Duration>,
}

impl Settings {
    fn pings(&self) -> bool {
        self.ping.unwrap_or(self.expect.is_none())
    }

    fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Duration::MAX)
    }

    fn thresholds(&self) -> Thresholds {
        Thresholds {
            degraded_above: self.degraded_above,
            unhealthy_above: self.unhealthy_above,
        }
    }

    /// Describes an exchange that succeeded.
    fn summary(&self) -> &'static str {
        match (&self.expect, self.pings()) {
            (Some(_), _) => "responded as expected",
            (None, true) => "answered the ping",
            (None, false) => "connected",
        }
    }
}

#[health_check(code = "websocket")]
fn check(settings: Settings) -> Result<Outcome> {
    let target = Target::new(&settings)?;
    let upgrade = Upgrade::new(&settings, &target)?;
    let mut observed = Observed::default();
    let outcome = match run(&settings, &target, upgrade, &mut observed) {
        Ok(elapsed) => {
            let message = format!("{}: {}", target.url, settings.summary());
            Outcome::healthy(message).timed(elapsed, settings.thresholds())
        }
        Err(error) => Outcome::unhealthy(format!("{error:#}")),
    };
    Ok(observed.add_to(outcome))
}

/// What is known of a run, also of one that failed.
#[derive(Default)]
struct Observed {
    times: Vec<(&'static str, Duration)>,
    handshake: Option<Handshake>,
    protocol: Option<String>,
    received: Option<String>,
}

/// Runs all steps. Returns the time they took, without the closing handshake.
fn run(
    settings: &Settings,
    target: &Target,
    upgrade: Upgrade,
    observed: &mut Observed,
) -> Result<Duration> {
    let started = clock::Instant::now();
    let mut step = started;
    let mut record = |observed: &mut Observed, name| {
        let now = clock::Instant::now();
        observed.times.push((name, now.duration_since(step)));
        step = now;
    };
    let mut stream = Stream::connect(settings)?;
    record(observed, "connect_time");
    observed.handshake = stream.start_tls(&settings.certificate.options(target.name()))?;
    if observed.handshake.is_some() {
        record(observed, "tls_time");
    }
    observed.protocol = upgrade.run(&mut stream, target, settings)?;
    record(observed, "handshake_time");
    let mut exchange = Exchange::new(stream);
    let result = exchange.run(settings);
    let elapsed = started.elapsed();
    let has_answer = settings.pings() || settings.expect.is_some();
    if has_answer && result.is_ok() {
        record(observed, "round_trip_time");
    }
    exchange.close();
    observed.received = result.map_err(|problem| target.error(&problem))?;
    Ok(elapsed)
}

impl Observed {
    fn add_to(self, mut outcome: Outcome) -> Outcome {
        for (name, time) in self.times {
            outcome = outcome.measure(seconds(name, time));
        }
        if let Some(protocol) = self.protocol {
            outcome = outcome.detail("subprotocol", protocol);
        }
        if let Some(received) = self.received {
            outcome = outcome.detail("received", received);
        }
        let Some(handshake) = self.handshake else {
            return outcome;
        };
        outcome = outcome
            .detail("protocol", handshake.protocol.as_str())
            .detail("trusted", handshake.is_trusted());
        if let Some(why) = &handshake.verification_error {
            outcome = outcome.detail("not_trusted_because", why.as_str());
        }
        // A certificate that the host cannot parse has no times.
        let is_parsed = |leaf: &&Certificate| leaf.not_after != 0;
        match handshake.leaf().filter(is_parsed) {
            Some(leaf) => outcome
                .detail("not_after", clock::utc_text(leaf.not_after))
                .measure(timestamp("certificate_expiry", leaf.not_after)),
            None => outcome,
        }
    }
}

/// The number of characters of a text in a message or detail.
const CHARS_SHOWN: usize = 128;

#[cfg(test)]
mod tests;
