//! Calls the contract's connections as its configuration says, without the SDK's handling of deadlines.

#![cfg(target_family = "wasm")]

use std::time::Instant;

use vitals_sdk::prelude::*;
use vitals_test_guests::raw::net::{
    ConnectOptions, Connection, Family, Handshake, NetError, ResolveError, TlsOptions, Until,
    Verification,
};

/// The steps.
#[derive(Config)]
struct Settings {
    /// Granted by this setting.
    #[config(grant = "tls")]
    address: Address,
    /// `connect MS`, `reach HOST PORT MS`, `read MAX MS`, `line TEXT MAX MS`, `exactly BYTES MS`,
    /// `all MAX MS`, `write TEXT MS`, `fill BYTES MS`, `finish MS`, `start NAME verify|any MS`,
    /// `drop`.
    steps: Vec<String>,
}

/// Runs all steps. The result of each is in the details.
#[health_check(code = "tls-steps")]
fn check(settings: Settings) -> Result<Outcome> {
    let mut kept = Vec::new();
    let mut results = Vec::new();
    let mut took = Vec::new();
    let mut chain = Vec::new();
    for step in &settings.steps {
        let words: Vec<&str> = step.split(' ').collect();
        let started = Instant::now();
        let answer = match words[..] {
            ["connect", ms] => connect(
                &mut kept,
                settings.address.host(),
                settings.address.port(),
                number(ms)?,
            ),
            ["reach", host, port, ms] => {
                let port = u16::try_from(number(port)?)?;
                connect(&mut kept, host, port, number(ms)?)
            }
            ["drop"] => {
                kept.clear();
                "dropped".to_owned()
            }
            _ => {
                let connection = kept.last().context("no connection")?;
                with(connection, &words, &mut chain)?
            }
        };
        took.push(started.elapsed().as_secs_f64());
        results.push(answer);
    }
    Ok(Outcome::healthy("done")
        .detail("results", json!(results))
        .detail("took", json!(took))
        .detail("chain", json!(chain)))
}

fn connect(kept: &mut Vec<Connection>, host: &str, port: u16, ms: u32) -> String {
    let options = ConnectOptions {
        family: Family::Any,
        proxy: None,
    };
    match Connection::connect(host, port, &options, ms) {
        Ok(connection) => {
            kept.push(connection);
            "connected".to_owned()
        }
        Err(error) => error_text(error),
    }
}

fn with(connection: &Connection, words: &[&str], chain: &mut Vec<Value>) -> Result<String> {
    Ok(match *words {
        ["read", max, ms] => read(connection, "", &Until::Some, number(max)?, number(ms)?),
        ["line", text, max, ms] => {
            let end = Until::Delimiter(b"\n".to_vec());
            let line = match text {
                "" => String::new(),
                text => format!("{}\n", text.replace('_', " ")),
            };
            read(connection, &line, &end, number(max)?, number(ms)?)
        }
        ["exactly", bytes, ms] => {
            let bytes = number(bytes)?;
            read(connection, "", &Until::Length(bytes), bytes, number(ms)?)
        }
        ["all", max, ms] => read(connection, "", &Until::End, number(max)?, number(ms)?),
        ["finish", ms] => connection
            .finish(number(ms)?)
            .map_or_else(error_text, |()| "finished".to_owned()),
        ["write", text, ms] => {
            let line = format!("{}\n", text.replace('_', " "));
            done(connection.write(line.as_bytes(), number(ms)?))
        }
        ["fill", bytes, ms] => {
            let bytes = vec![b'x'; usize::try_from(number(bytes)?)?];
            done(connection.write(&bytes, number(ms)?))
        }
        ["start", name, verify, ms] => {
            let options = TlsOptions {
                server_name: name.to_owned(),
                verification: if verify == "verify" {
                    Verification::ChainAndName
                } else {
                    Verification::None
                },
                alpn: Vec::new(),
                client_certificate: None,
            };
            match connection.start_tls(&options, number(ms)?) {
                Ok(handshake) => handshake_text(handshake, chain),
                Err(error) => error_text(error),
            }
        }
        _ => return Err(Error::new(format!("no such step: {}", words.join(" ")))),
    })
}

fn read(connection: &Connection, sent: &str, until: &Until, max: u32, ms: u32) -> String {
    match connection.exchange(sent.as_bytes(), until, max, ms) {
        Ok(bytes) if bytes.len() > 64 => format!("{} bytes", bytes.len()),
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => error_text(error),
    }
}

fn handshake_text(handshake: Handshake, chain: &mut Vec<Value>) -> String {
    chain.extend(handshake.chain.iter().map(|shown| {
        json!({ "subject": shown.subject, "sha256": shown.sha256, "not_after": shown.not_after })
    }));
    let verification_error = handshake.verification_error;
    format!(
        "{}: {}",
        handshake.protocol,
        verification_error.as_deref().unwrap_or("trusted")
    )
}

fn done(written: Result<(), NetError>) -> String {
    written.map_or_else(error_text, |()| "written".to_owned())
}

fn error_text(error: NetError) -> String {
    match error {
        NetError::Denied(why) => why,
        NetError::NotResolved(ResolveError::NotFound) => "not found".to_owned(),
        NetError::NotResolved(ResolveError::NoData) => "no data".to_owned(),
        NetError::NotResolved(ResolveError::TryAgain) => "try again".to_owned(),
        NetError::NotResolved(ResolveError::Failed(why)) => format!("not resolved: {why}"),
        NetError::Refused => "refused".to_owned(),
        NetError::Unreachable => "unreachable".to_owned(),
        NetError::Timeout => "timeout".to_owned(),
        NetError::Closed => "closed".to_owned(),
        NetError::TooLarge => "too large".to_owned(),
        NetError::Tls(why) => format!("tls: {why}"),
        NetError::Failed(why) => format!("failed: {why}"),
    }
}

fn number(text: &str) -> Result<u32> {
    Ok(text.parse()?)
}
