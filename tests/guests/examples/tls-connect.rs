//! Does a TLS handshake with an address that its configuration grants, and sends a line over TLS.

use std::io::{BufRead as _, BufReader, Write as _};

use vitals_sdk::prelude::*;

/// Where to connect.
#[derive(Config)]
struct Settings {
    /// Granted by this setting.
    #[config(grant = "tls")]
    address: Address,
    /// The name that the certificate must be valid for. The default is the host of the address.
    name: Option<String>,
    /// Whether an untrusted certificate is an error.
    #[config(default = true)]
    verify: bool,
    /// Whether to send a line before TLS.
    #[config(default = false)]
    upgrade: bool,
    /// The timeout of each operation. The default is the run's deadline.
    timeout: Option<Duration>,
}

/// Does the handshake. The server's certificates are in the details.
#[health_check(code = "tls-connect")]
fn check(settings: Settings) -> Result<Outcome> {
    let timeout = settings.timeout.unwrap_or(Duration::MAX);
    let mut connection = tls::connect(&settings.address, timeout)?;
    let mut greeting = String::new();
    if settings.upgrade {
        greeting = connection.read_line(64)?;
        connection.write_all(b"STARTTLS\n")?;
        connection.read_line(64)?;
    }
    let name = settings.name.as_deref();
    let name = name.unwrap_or(settings.address.host());
    let handshake = if settings.verify {
        connection.start_tls(name)?
    } else {
        connection.start_tls_unverified(name)?
    };
    connection.write_all(b"over TLS\n")?;
    let echo = connection.read_line(64)?;
    // As a protocol crate would use it.
    writeln!(&mut connection, "as a stream")?;
    let mut stream = BufReader::new(connection);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let chain: Vec<Value> = handshake
        .chain
        .iter()
        .map(|certificate| {
            json!({
                "subject": certificate.subject, "issuer": certificate.issuer,
                "names": certificate.names, "serial": certificate.serial,
                "not_before": certificate.not_before, "not_after": certificate.not_after,
                "sha256": certificate.sha256,
            })
        })
        .collect();
    let leaf = handshake.leaf().context("no certificate")?;
    Ok(Outcome::healthy("shook hands")
        .detail("greeting", greeting)
        .detail("echo", echo)
        .detail("stream", line.trim_end())
        .detail("days_left", leaf.days_left())
        .detail("expires_in_days", leaf.expires_in().as_secs() / 86_400)
        .detail("trusted", handshake.is_trusted())
        .detail(
            "doubt",
            handshake.verification_error.clone().unwrap_or_default(),
        )
        .detail("chain", json!(chain))
        .detail("protocol", handshake.protocol)
        .detail("cipher", handshake.cipher))
}
