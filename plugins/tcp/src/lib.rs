//! The `tcp` check: a connection, and an optional exchange on it.

use vitals_sdk::net::ConnectSettings;
use vitals_sdk::prelude::*;

/// Connects to an address and checks the response.
#[derive(Config)]
struct Settings {
    /// The address to connect to.
    #[config(grant = "tcp")]
    address: Address,
    #[config(flatten)]
    connection: ConnectSettings,
    /// The text to send after connecting. It is never shown.
    #[config(secret)]
    send: Option<String>,
    /// The text that must be received, within the first 64 KiB.
    expect: Option<String>,
    /// The check is degraded if it takes longer in total.
    degraded_above: Option<Duration>,
    /// The check is unhealthy if it takes longer in total.
    unhealthy_above: Option<Duration>,
    /// The timeout of each step: connecting, sending, receiving. The default is the timeout of the
    /// check.
    timeout: Option<Duration>,
}

#[health_check(code = "tcp")]
fn check(settings: Settings) -> Result<Outcome> {
    let options = settings.connection.options(settings.timeout);
    let sent = settings.send.as_deref().unwrap_or_default();
    let started = clock::Instant::now();
    let mut stream = tcp::connect_with(&settings.address, &options)?;
    let connected = started.elapsed();
    let received = match &settings.expect {
        None => {
            stream.write_all(sent.as_bytes())?;
            None
        }
        Some(expected) => Some(expect(&mut stream, sent, expected)?),
    };
    let outcome = judge(&settings, started.elapsed()).measure(seconds("connect_time", connected));
    Ok(match received {
        None => outcome,
        Some(received) => outcome.detail("banner", banner(&mut stream, received)),
    })
}

/// Sends a text and waits for another. Returns what was received up to it.
fn expect(stream: &mut tcp::TcpStream, sent: &str, expected: &str) -> Result<Vec<u8>> {
    stream
        .exchange_until(sent.as_bytes(), expected.as_bytes(), RESPONSE_LIMIT)
        .with_context(|| format!("`{}` was not received", shortened(expected, CHARS_SHOWN)))
}

/// Returns the first line received, as far as it is there.
fn banner(stream: &mut tcp::TcpStream, mut received: Vec<u8>) -> String {
    if !received.contains(&b'\n') {
        // The check has its result already.
        received.extend(stream.read_received(RESPONSE_LIMIT).unwrap_or_default());
    }
    let text = String::from_utf8_lossy(&received);
    shortened(text.lines().next().unwrap_or_default(), CHARS_SHOWN)
}

fn judge(settings: &Settings, elapsed: Duration) -> Outcome {
    let what = if settings.expect.is_some() {
        "responded as expected"
    } else {
        "connected"
    };
    let thresholds = Thresholds {
        degraded_above: settings.degraded_above,
        unhealthy_above: settings.unhealthy_above,
    };
    Outcome::healthy(format!("tcp {}: {what}", settings.address)).timed(elapsed, thresholds)
}

/// The number of bytes that are searched.
const RESPONSE_LIMIT: usize = 64 << 10;
/// The number of characters of a text in a message or detail.
const CHARS_SHOWN: usize = 128;

#[cfg(test)]
mod tests;
