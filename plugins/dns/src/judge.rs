//! Judges a response.

use vitals_sdk::prelude::*;

use crate::message::Response;
use crate::{Matching, Rcode, Settings};

/// A response, and the server that sent it.
pub(crate) struct Lookup {
    pub(crate) server: String,
    pub(crate) response: Response,
}

pub(crate) fn outcome(settings: &Settings, lookup: &Lookup) -> Outcome {
    let Lookup { server, response } = lookup;
    let outcome = match problem(settings, lookup) {
        Some(problem) => Outcome::unhealthy(problem),
        None if settings.rcode == Rcode::NoError => Outcome::healthy(format!(
            "{server} returned {} for {}",
            listed(&response.records),
            query(settings)
        )),
        None => Outcome::healthy(format!(
            "{server} returned {} for {}, as expected",
            response.rcode,
            query(settings)
        )),
    };
    let records = &response.records[..response.records.len().min(RECORDS_IN_DETAILS)];
    let outcome = outcome
        .detail("rcode", response.rcode.as_str())
        .detail("records", json!(records))
        .measure(count("records", response.records.len()));
    let outcome = match response.ttl {
        None => outcome,
        Some(ttl) => outcome.measure(seconds("ttl", ttl)),
    };
    let outcome = match response.serial {
        None => outcome,
        Some(serial) => outcome.measure(count("soa_serial", serial)),
    };
    if settings.server.is_none() {
        return outcome;
    }
    outcome
        .detail("authoritative", response.is_authoritative)
        .detail("dnssec", response.is_validated)
}

/// Returns the first problem of a response.
fn problem(settings: &Settings, lookup: &Lookup) -> Option<String> {
    let (server, query) = (&lookup.server, query(settings));
    let response = &lookup.response;
    let wanted = settings.rcode.as_str();
    if response.rcode != wanted {
        let expected = match settings.rcode {
            Rcode::NoError => String::new(),
            _ => format!(", expected {wanted}"),
        };
        let got = if response.rcode == Rcode::NoError.as_str() && !response.records.is_empty() {
            listed(&response.records)
        } else {
            response.rcode.clone()
        };
        return Some(format!("{server} returned {got} for {query}{expected}"));
    }
    if settings.rcode != Rcode::NoError {
        return None;
    }
    if response.records.is_empty() {
        return Some(format!(
            "{server} returned no {} record for {}",
            settings.kind, settings.name
        ));
    }
    if !matches(settings, &response.records) {
        let expected = listed(&settings.expect);
        let how = match settings.matching {
            Matching::All => "",
            Matching::Any => "any of ",
            Matching::Exactly => "exactly ",
        };
        let got = listed(&response.records);
        return Some(format!(
            "{server}: expected {how}{expected} for {query}, got {got}"
        ));
    }
    if settings.authoritative && !response.is_authoritative {
        return Some(format!("{server} is not authoritative for {query}"));
    }
    if settings.dnssec && !response.is_validated {
        return Some(format!("{server} did not validate {query} with DNSSEC"));
    }
    None
}

fn matches(settings: &Settings, records: &[String]) -> bool {
    let mut expected: Vec<String> = settings
        .expect
        .iter()
        .map(|text| settings.kind.normalized(text))
        .collect();
    expected.sort();
    expected.dedup();
    match settings.matching {
        _ if expected.is_empty() => true,
        Matching::All => expected.iter().all(|wanted| records.contains(wanted)),
        Matching::Any => expected.iter().any(|wanted| records.contains(wanted)),
        Matching::Exactly => expected == records,
    }
}

/// Formats the query for a sentence.
fn query(settings: &Settings) -> String {
    format!("{} ({})", settings.name, settings.kind)
}

/// Joins the first of some texts.
fn listed(texts: &[String]) -> String {
    let shown: Vec<String> = texts
        .iter()
        .take(RECORDS_IN_MESSAGE)
        .map(|text| shortened(text, CHARS_PER_RECORD))
        .collect();
    let shown = shown.join(", ");
    match texts.len().saturating_sub(RECORDS_IN_MESSAGE) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Limits on the records in a message, the length of each, and the records in the details.
const RECORDS_IN_MESSAGE: usize = 4;
const CHARS_PER_RECORD: usize = 128;
const RECORDS_IN_DETAILS: usize = 32;
