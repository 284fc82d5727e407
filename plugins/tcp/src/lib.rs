//! The `tcp` check: a connection, and an optional exchange on it.

use vitals_sdk::prelude::*;

/// Connects to an address and checks the response.
#[derive(Config)]
struct Settings {
    /// The address to connect to.
    #[config(grant = "tcp")]
    address: Address,
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
    let timeout = settings.timeout.unwrap_or(Duration::MAX);
    let started = clock::Instant::now();
    let mut stream = tcp::connect(&settings.address, timeout)?;
    let connected = started.elapsed();
    if let Some(text) = &settings.send {
        stream.write_all(text.as_bytes())?;
    }
    let banner = match &settings.expect {
        None => None,
        Some(expected) => Some(expect(&mut stream, expected)?),
    };
    let outcome = judge(&settings, started.elapsed()).measure(seconds("connect_time", connected));
    Ok(match banner {
        None => outcome,
        Some(banner) => outcome.detail("banner", banner),
    })
}

/// Waits for the text. Returns the first line received.
fn expect(stream: &mut tcp::TcpStream, expected: &str) -> Result<String> {
    let mut bytes = stream
        .read_until(expected.as_bytes(), RESPONSE_LIMIT)
        .with_context(|| format!("`{}` was not received", shortened(expected, CHARS_SHOWN)))?;
    bytes.extend_from_slice(stream.buffered());
    Ok(shortened(
        String::from_utf8_lossy(&bytes)
            .lines()
            .next()
            .unwrap_or_default(),
        CHARS_SHOWN,
    ))
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
