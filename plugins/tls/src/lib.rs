//! The `tls` check: a handshake, and what the server's certificates are worth.
//!
//! This file asks; what is said before TLS stands in `opening`, what the handshake comes to in `judge`.

mod judge;
mod opening;

use vitals_sdk::prelude::*;

use judge::Version;
use opening::Protocol;

/// Shakes hands with a server, and looks how long its certificate is still good for.
#[derive(Config)]
struct Settings {
    /// Where to connect to.
    #[config(grant = "tls")]
    address: Address,
    /// The name that the certificate has to be for; without one, the host of the address.
    name: Option<String>,
    /// The protocol to begin TLS within, for servers that begin without it.
    starttls: Option<Protocol>,
    /// Whether the certificate has to be trusted, and for the name. It is looked at in any case.
    #[config(default = true)]
    verify: bool,
    /// Whether the other certificates that the server sends must not expire either.
    #[config(default = true)]
    chain: bool,
    /// A certificate that expires sooner is degraded.
    #[config(default = "21d")]
    degraded_below: Duration,
    /// A certificate that expires sooner is unhealthy.
    #[config(default = "7d")]
    unhealthy_below: Duration,
    /// The oldest version of TLS that the server may choose.
    #[config(default = "1.2")]
    min_version: Version,
    /// A longer time than this, for all of it, is degraded.
    degraded_above: Option<Duration>,
    /// A longer time than this, for all of it, is unhealthy.
    unhealthy_above: Option<Duration>,
    /// The time for each step: connecting, each answer before TLS, the handshake; without one, that of the
    /// check.
    timeout: Option<Duration>,
}

impl Settings {
    /// The name that the certificate has to be for.
    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.address.host())
    }
}

#[health_check(code = "tls")]
fn check(settings: Settings) -> Result<Outcome> {
    let timeout = settings.timeout.unwrap_or(Duration::MAX);
    let started = clock::Instant::now();
    let mut connection = tls::connect_within(&settings.address, timeout)?;
    if let Some(protocol) = settings.starttls {
        opening::ask_for_tls(protocol, &mut connection)?;
    }
    // Of one that is not trusted it is to be said when it expires, too.
    let handshake = connection.start_tls_unverified(settings.name())?;
    let thresholds = Thresholds {
        degraded_above: settings.degraded_above,
        unhealthy_above: settings.unhealthy_above,
    };
    Ok(judge::outcome(&settings, &handshake).timed(started.elapsed(), thresholds))
}

#[cfg(test)]
mod tests;
