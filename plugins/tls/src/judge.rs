//! Judges a handshake: expiry, trust and names of the certificates.

use vitals_sdk::prelude::*;
use vitals_sdk::span_text;
use vitals_sdk::tls::{Certificate, Handshake, Verification};

use crate::Settings;

/// A version of TLS. The host supports no older ones.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    #[config(rename = "1.2")]
    Tls12,
    #[config(rename = "1.3")]
    Tls13,
}

pub(crate) fn outcome(settings: &Settings, handshake: &Handshake) -> Outcome {
    let name = settings.name();
    let Some(leaf) = handshake.leaf() else {
        return Outcome::unhealthy(format!("{} sent no certificate", settings.address));
    };
    let expiry = measured("certificate_expires_in", leaf.seconds_left(), settings);
    let mut parts = vec![(
        worst_of(leaf, &expiry),
        expiry_text("certificate of", name, leaf, &expiry),
    )];
    // A healthy expiry is added to a problem in parentheses.
    let mut suffix = match expiry.status() {
        Status::Healthy => format!(" (expires in {})", expiry.value_text()),
        _ => String::new(),
    };
    for problem in problems(settings, handshake, leaf) {
        parts.push((Status::Unhealthy, problem + &std::mem::take(&mut suffix)));
    }
    let others = others(settings, handshake);
    let chain_left = others.iter().map(|other| other.seconds_left()).min();
    for other in &others {
        let expiry = measured("chain_expires_in", other.seconds_left(), settings);
        let what = format!("{} in the chain of", other.subject);
        parts.push((
            worst_of(other, &expiry),
            expiry_text(&what, name, other, &expiry),
        ));
    }
    if settings.min_version == Version::Tls13 && handshake.protocol != "TLSv1.3" {
        let chosen = handshake.protocol.replace("TLSv", "TLS ");
        let problem = format!("{} negotiated {chosen}, below TLS 1.3", settings.address);
        parts.push((Status::Unhealthy, problem));
    }
    if !settings.alpn.is_empty() && handshake.alpn.is_none() {
        let (address, offered) = (&settings.address, settings.alpn.join(", "));
        let problem = format!("{address} selected none of the protocols {offered}");
        parts.push((Status::Unhealthy, problem));
    }
    // A healthy outcome mentions only the server's own certificate.
    parts.retain(|(status, _)| *status > Status::Healthy);
    if parts.is_empty() {
        parts.push((
            Status::Healthy,
            expiry_text("certificate of", name, leaf, &expiry),
        ));
    }
    let outcome = Outcome::worst(parts).measure(expiry);
    let outcome = match chain_left {
        None => outcome,
        Some(left) => outcome.measure(measured("chain_expires_in", left, settings)),
    };
    with_details(outcome, handshake, leaf)
}

fn measured(name: &str, seconds_left: i64, settings: &Settings) -> Measurement {
    seconds(name, seconds_left)
        .degraded_below(settings.degraded_below)
        .unhealthy_below(settings.unhealthy_below)
}

/// Returns the worst status; even without thresholds an expired certificate is unhealthy.
fn worst_of(certificate: &Certificate, expiry: &Measurement) -> Status {
    if certificate.has_expired() {
        Status::Unhealthy
    } else {
        expiry.status()
    }
}

fn expiry_text(what: &str, name: &str, certificate: &Certificate, expiry: &Measurement) -> String {
    if certificate.has_expired() {
        let ago = Duration::from_secs(certificate.seconds_left().unsigned_abs());
        format!("{what} {name} expired {} ago", span_text(ago))
    } else {
        let (left, remark) = (expiry.value_text(), expiry.remark());
        format!("{what} {name} expires in {left}{remark}")
    }
}

/// Returns why the certificate is not as the settings require.
fn problems(settings: &Settings, handshake: &Handshake, leaf: &Certificate) -> Vec<String> {
    let name = settings.name();
    let wants_name = match settings.tls.verification() {
        Verification::None => return Vec::new(),
        Verification::Pins(pins) if leaf.is_pinned(&pins) => return Vec::new(),
        Verification::Pins(_) => {
            let text = format!("certificate of {name} has none of the digests in `pins`");
            return vec![text];
        }
        Verification::Chain => false,
        Verification::ChainAndName => true,
    };
    let mut problems = Vec::new();
    let Some(why) = &handshake.verification_error else {
        return problems;
    };
    let is_for_another = !leaf.is_for(name);
    if is_for_another && wants_name {
        problems.push(another_name(name, leaf));
    }
    // Skips the host's reason where a more precise one is already reported, or where only the name
    // is wrong and does not matter.
    let is_reported = (is_for_another && why.contains("another name"))
        || (why.contains("expired") && handshake.chain.iter().any(Certificate::has_expired));
    if !is_reported {
        problems.push(format!("certificate of {name} is not trusted: {why}"));
    }
    problems
}

fn another_name(name: &str, leaf: &Certificate) -> String {
    let names = match &leaf.names[..] {
        [] => "no name".to_owned(),
        names if names.len() > NAMES_IN_MESSAGE => {
            let more = names.len() - NAMES_IN_MESSAGE;
            format!("{} and {more} more", names[..NAMES_IN_MESSAGE].join(", "))
        }
        names => names.join(", "),
    };
    format!("certificate is for {names}, not {name}")
}

/// Returns the other certificates whose expiry matters: no self-signed ones, which clients have
/// themselves, and no expired one if the host trusts the chain without it.
fn others<'a>(settings: &Settings, handshake: &'a Handshake) -> Vec<&'a Certificate> {
    if !settings.chain {
        return Vec::new();
    }
    let others = handshake.chain.iter().skip(1);
    others
        .filter(|other| other.not_after != 0 && other.subject != other.issuer)
        .filter(|other| !(handshake.is_trusted() && other.has_expired()))
        .collect()
}

fn with_details(outcome: Outcome, handshake: &Handshake, leaf: &Certificate) -> Outcome {
    let chain: Vec<Value> = handshake
        .chain
        .iter()
        .skip(1)
        .map(|other| json!({ "subject": other.subject, "not_after": clock::utc_text(other.not_after) }))
        .collect();
    let names = &leaf.names[..leaf.names.len().min(NAMES_IN_DETAILS)];
    let outcome = outcome
        .detail("subject", leaf.subject.as_str())
        .detail("issuer", leaf.issuer.as_str())
        .detail("names", json!(names))
        .detail("not_before", clock::utc_text(leaf.not_before))
        .detail("not_after", clock::utc_text(leaf.not_after))
        .detail("days_left", leaf.days_left())
        .detail("serial", leaf.serial.as_str())
        .detail("sha256", leaf.sha256.as_str())
        .detail("public_key_sha256", leaf.public_key_sha256.as_str())
        .detail("chain", chain)
        .detail("protocol", handshake.protocol.as_str())
        .detail("cipher", handshake.cipher.as_str())
        .detail("trusted", handshake.is_trusted());
    let outcome = match &handshake.alpn {
        None => outcome,
        Some(selected) => outcome.detail("alpn", selected.as_str()),
    };
    match &handshake.verification_error {
        None => outcome,
        Some(why) => outcome.detail("not_trusted_because", why.as_str()),
    }
}

/// The number of a certificate's names in a message and in the details.
const NAMES_IN_MESSAGE: usize = 3;
const NAMES_IN_DETAILS: usize = 16;
