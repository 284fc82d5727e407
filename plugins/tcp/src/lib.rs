//! The `tcp` check: a connection, and what may be said on it.

use vitals_sdk::prelude::*;

/// Connects to an address, and looks at what it answers.
#[derive(Config)]
struct Settings {
    /// Where to connect to.
    #[config(grant = "tcp")]
    address: Address,
    /// What to send once connected. It is never shown.
    #[config(secret)]
    send: Option<String>,
    /// What has to come back, in the first 64 KiB.
    expect: Option<String>,
    /// A longer time than this, for all of it, is degraded.
    degraded_above: Option<Duration>,
    /// A longer time than this, for all of it, is unhealthy.
    unhealthy_above: Option<Duration>,
    /// The time for each step: connecting, sending, waiting; without one, that of the check.
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

/// Waits for the text. Answers the first line of what came.
fn expect(stream: &mut tcp::TcpStream, expected: &str) -> Result<String> {
    let mut bytes = stream
        .read_until(expected.as_bytes(), ANSWER)
        .with_context(|| format!("no `{}` came", shortened(expected, SHOWN)))?;
    bytes.extend_from_slice(stream.buffered());
    Ok(shortened(
        String::from_utf8_lossy(&bytes)
            .lines()
            .next()
            .unwrap_or_default(),
        SHOWN,
    ))
}

fn judge(settings: &Settings, elapsed: Duration) -> Outcome {
    let what = if settings.expect.is_some() {
        "answered as expected"
    } else {
        "connected"
    };
    let thresholds = Thresholds {
        degraded_above: settings.degraded_above,
        unhealthy_above: settings.unhealthy_above,
    };
    Outcome::healthy(format!("tcp {}: {what}", settings.address)).timed(elapsed, thresholds)
}

/// How many bytes are looked through for what is expected.
const ANSWER: usize = 64 << 10;
/// How many characters of a text are in a message or detail.
const SHOWN: usize = 128;

#[cfg(test)]
mod tests;
