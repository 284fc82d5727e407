//! The `tls` check: a handshake, and the server's certificates.
//!
//! This file connects; `starttls` negotiates STARTTLS, `judge` judges the handshake.

mod judge;
mod starttls;

use vitals_sdk::net::ConnectSettings;
use vitals_sdk::prelude::*;
use vitals_sdk::tls::{TlsSettings, Verification};

use judge::Version;
use starttls::Protocol;

/// Does a TLS handshake and checks when the server's certificate expires.
#[derive(Config)]
struct Settings {
    /// The address to connect to.
    #[config(grant = "tls")]
    address: Address,
    /// The name that the certificate must be valid for. The default is the host of the address.
    name: Option<String>,
    /// The protocol in which TLS is started, for servers that do not begin with TLS.
    starttls: Option<Protocol>,
    /// The name that the check sends in EHLO, for `starttls = "smtp"`.
    #[config(default = "localhost")]
    hello: String,
    #[config(flatten)]
    tls: TlsSettings,
    #[config(flatten)]
    connection: ConnectSettings,
    /// Protocols to offer by ALPN, of which the server must select one: `h2`, `http/1.1`.
    #[config(default)]
    alpn: Vec<String>,
    /// Whether the expiry of the other certificates of the chain is checked too.
    #[config(default = true)]
    chain: bool,
    /// The check is degraded if a certificate expires sooner.
    #[config(default = "21d")]
    degraded_below: Duration,
    /// The check is unhealthy if a certificate expires sooner.
    #[config(default = "7d")]
    unhealthy_below: Duration,
    /// The oldest TLS version that the server may negotiate.
    #[config(default = "1.2")]
    min_version: Version,
    /// The check is degraded if it takes longer in total.
    degraded_above: Option<Duration>,
    /// The check is unhealthy if it takes longer in total.
    unhealthy_above: Option<Duration>,
    /// The timeout of each step: connecting, each response before TLS, the handshake. The default
    /// is the timeout of the check.
    timeout: Option<Duration>,
}

impl Settings {
    /// Returns the name that the certificate must be valid for.
    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.address.host())
    }
}

#[health_check(code = "tls")]
fn check(settings: Settings) -> Result<Outcome> {
    starttls::validate_hello(&settings.hello)?;
    let options = settings.connection.options(settings.timeout);
    let started = clock::Instant::now();
    let mut connection = tls::connect_with(&settings.address, &options)?;
    if let Some(protocol) = settings.starttls {
        starttls::negotiate(protocol, &settings.hello, &mut connection)?;
    }
    // The expiry is reported for an untrusted certificate too.
    let options = settings.tls.options(settings.name());
    let options = options
        .verification(Verification::None)
        .alpn(&settings.alpn);
    let handshake = connection.start_tls_with(&options)?;
    let thresholds = Thresholds {
        degraded_above: settings.degraded_above,
        unhealthy_above: settings.unhealthy_above,
    };
    Ok(judge::outcome(&settings, &handshake).timed(started.elapsed(), thresholds))
}

#[cfg(test)]
mod tests;
