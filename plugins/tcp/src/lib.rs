//! The `tcp` check: a connection, and what may be said on it.

use std::time::Instant;

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
    let started = Instant::now();
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
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    /// A server that greets, takes a line, and answers it.
    fn server(greeting: &'static str, answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            peer.write_all(greeting.as_bytes()).unwrap();
            let mut line = [0; 4];
            if peer.read_exact(&mut line).is_ok() && &line == b"PING" {
                peer.write_all(answer.as_bytes()).unwrap();
            }
        });
        address
    }

    fn settings(value: Value) -> Settings {
        Settings::read(value).unwrap()
    }

    #[test]
    fn an_open_port_is_healthy() {
        let address = server("", "");
        let outcome = check(settings(json!({ "address": address }))).unwrap();
        assert_eq!(outcome.status(), Status::Healthy);
        assert_eq!(outcome.message(), format!("tcp {address}: connected"));
        assert!(outcome.detail_of("latency_ms").is_some());
        assert_eq!(outcome.detail_of("banner"), None);
    }

    #[test]
    fn what_was_expected_comes_after_what_was_sent() {
        let address = server("hello\r\n", "+PONG there\r\n");
        let wanted = json!({ "address": address, "send": "PING", "expect": "PONG" });
        let outcome = check(settings(wanted)).unwrap();
        assert_eq!(
            outcome.message(),
            format!("tcp {address}: answered as expected")
        );
        assert_eq!(outcome.detail_of("banner"), Some(&json!("hello")));
    }

    #[test]
    fn what_does_not_come_is_an_error_that_names_it() {
        let address = server("hello", "-ERR private");
        let wanted = json!({ "address": address, "send": "PING", "expect": "PONG" });
        let error = format!("{:#}", check(settings(wanted)).unwrap_err());
        assert_eq!(
            error,
            format!(
                "no `PONG` came: cannot read from {address}: the other side closed the connection"
            )
        );
    }

    #[test]
    fn silence_ends_at_the_timeout() {
        let address = server("", "");
        let wanted = json!({ "address": address, "expect": "PONG", "timeout": "50ms" });
        let error = format!("{:#}", check(settings(wanted)).unwrap_err());
        assert!(error.ends_with("nothing within 50ms"), "{error}");
    }

    #[test]
    fn a_slow_answer_is_degraded_and_a_slower_one_unhealthy() {
        let settings = settings(json!({
            "address": "db:5432", "degraded_above": "100ms", "unhealthy_above": "1s",
        }));
        for (milliseconds, status, message) in [
            (100, Status::Healthy, "tcp db:5432: connected"),
            (
                101,
                Status::Degraded,
                "tcp db:5432: connected after 101ms, above 100ms",
            ),
            (
                1_500,
                Status::Unhealthy,
                "tcp db:5432: connected after 1.5s, above 1s",
            ),
        ] {
            let outcome = judge(&settings, Duration::from_millis(milliseconds));
            assert_eq!((outcome.status(), outcome.message()), (status, message));
            assert_eq!(
                outcome.measurements()[0].degraded_at(),
                Some(Bound::Above(0.1))
            );
        }
    }
}
