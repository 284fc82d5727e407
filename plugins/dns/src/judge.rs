//! What an answer comes to.

use vitals_sdk::prelude::*;

use crate::message::Answered;
use crate::{Matching, Rcode, Settings};

/// An answer, and whose it is.
pub(crate) struct Found {
    pub(crate) who: String,
    pub(crate) answered: Answered,
}

pub(crate) fn outcome(settings: &Settings, found: &Found) -> Outcome {
    let Found { who, answered } = found;
    let outcome = match problem(settings, found) {
        Some(problem) => Outcome::unhealthy(problem),
        None if settings.rcode == Rcode::NoError => Outcome::healthy(format!(
            "{who} answers {} for {}",
            listed(&answered.records),
            asked(settings)
        )),
        None => Outcome::healthy(format!(
            "{who} answers {} for {}, as expected",
            answered.rcode,
            asked(settings)
        )),
    };
    let records = &answered.records[..answered.records.len().min(RECORDS_SHOWN)];
    let outcome = outcome
        .detail("rcode", answered.rcode.as_str())
        .detail("records", json!(records))
        .measure(count("records", answered.records.len()));
    let outcome = match answered.ttl {
        None => outcome,
        Some(ttl) => outcome.measure(seconds("ttl", ttl)),
    };
    let outcome = match answered.serial {
        None => outcome,
        Some(serial) => outcome.measure(count("soa_serial", serial)),
    };
    if settings.server.is_none() {
        return outcome;
    }
    outcome
        .detail("authoritative", answered.is_authoritative)
        .detail("dnssec", answered.is_validated)
}

/// The first that is wrong with an answer.
fn problem(settings: &Settings, found: &Found) -> Option<String> {
    let (who, asked) = (&found.who, asked(settings));
    let answered = &found.answered;
    let wanted = settings.rcode.as_str();
    if answered.rcode != wanted {
        let expected = match settings.rcode {
            Rcode::NoError => String::new(),
            _ => format!(", expected {wanted}"),
        };
        let got = if settings.server.is_none() && answered.records.is_empty() {
            return Some(format!("{who} has no address for {asked}{expected}"));
        } else if answered.rcode == Rcode::NoError.as_str() && !answered.records.is_empty() {
            listed(&answered.records)
        } else {
            answered.rcode.clone()
        };
        return Some(format!("{who} answers {got} for {asked}{expected}"));
    }
    if settings.rcode != Rcode::NoError {
        return None;
    }
    if answered.records.is_empty() {
        return Some(format!(
            "{who} has no {} for {}",
            settings.kind, settings.name
        ));
    }
    if !matches(settings, &answered.records) {
        let expected = listed(&settings.expect);
        let how = match settings.matching {
            Matching::All => "",
            Matching::Any => "any of ",
            Matching::Exactly => "exactly ",
        };
        let got = listed(&answered.records);
        return Some(format!(
            "{who}: expected {how}{expected} for {asked}, got {got}"
        ));
    }
    if settings.authoritative && !answered.is_authoritative {
        return Some(format!(
            "{who} answers for {asked} without authority for it"
        ));
    }
    if settings.dnssec && !answered.is_validated {
        return Some(format!("{who} has not validated {asked} by DNSSEC"));
    }
    None
}

fn matches(settings: &Settings, records: &[String]) -> bool {
    let mut expected: Vec<String> = settings
        .expect
        .iter()
        .map(|text| settings.kind.normal(text))
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

/// What was asked for, for a sentence.
fn asked(settings: &Settings) -> String {
    format!("{} ({})", settings.name, settings.kind)
}

/// The first of some texts.
fn listed(texts: &[String]) -> String {
    let told: Vec<String> = texts
        .iter()
        .take(RECORDS_TOLD)
        .map(|text| shortened(text, TEXT_TOLD))
        .collect();
    let told = told.join(", ");
    match texts.len().saturating_sub(RECORDS_TOLD) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// How many records stand in a message, how much of each, and how many in the details.
const RECORDS_TOLD: usize = 4;
const TEXT_TOLD: usize = 128;
const RECORDS_SHOWN: usize = 32;
