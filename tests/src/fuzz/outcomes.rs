//! Outcomes of any parts: what a native check or a guest can put into a result.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use vitals_host::Outcome;
use vitals_host::check::{
    Bound, Detail, DetailValue, Measurement, OutcomeParts, RunReport, Status,
};
use vitals_host::config::Secrets;

use super::laws::{self, SECRETS};
use super::noise;

pub(super) fn run(input: &[u8]) {
    let mut choices = Unstructured::new(input);
    let Ok((status, parts)) = outcome(&mut choices) else {
        return;
    };
    laws::bounded(&built(status, parts.clone()));
    let secrets = Secrets::new(SECRETS);
    let outcome = Outcome::sanitized(status, parts, &|text, most| secrets.bounded(text, most));
    laws::reported(RunReport::answered(outcome, Duration::from_millis(1)));
}

/// What a native check makes of the same parts.
fn built(status: Status, parts: OutcomeParts) -> Outcome {
    let outcome = Outcome::new(status, parts.message);
    let outcome = parts.details.into_iter().fold(outcome, |outcome, detail| {
        let value: serde_json::Value = match detail.value {
            DetailValue::Text(text) => text.into(),
            DetailValue::Integer(number) => number.into(),
            DetailValue::Decimal(number) => number.into(),
            DetailValue::Boolean(truth) => truth.into(),
            DetailValue::Json(document) => {
                serde_json::from_str(&document).unwrap_or_else(|_| document.into())
            }
        };
        outcome.detail(detail.key, value)
    });
    let measurements = parts.measurements.into_iter();
    measurements.fold(outcome, Outcome::measure)
}

fn outcome(choices: &mut Unstructured<'_>) -> Result<(Status, OutcomeParts)> {
    let status = *choices.choose(&[Status::Healthy, Status::Degraded, Status::Unhealthy])?;
    let mut parts = OutcomeParts::new(text(choices)?, Vec::new(), Vec::new());
    while !choices.is_empty() && parts.details.len() < 2_000 {
        if choices.ratio(1_u8, 4)? {
            parts.measurements.push(measurement(choices)?);
        } else {
            parts.details.push(detail(choices)?);
        }
    }
    Ok((status, parts))
}

fn detail(choices: &mut Unstructured<'_>) -> Result<Detail> {
    let key = text(choices)?;
    let value = match choices.int_in_range(0..=5)? {
        0 => DetailValue::Integer(choices.arbitrary()?),
        1 => DetailValue::Decimal(f64::from_bits(choices.arbitrary()?)),
        2 => DetailValue::Boolean(choices.arbitrary()?),
        3 => DetailValue::Text(text(choices)?),
        4 => DetailValue::Json(text(choices)?),
        _ => DetailValue::Json(document(choices, 0)?),
    };
    Ok(Detail::new(key, value))
}

/// JSON with texts in it, so that what they are cleaned to can be seen.
fn document(choices: &mut Unstructured<'_>, depth: u8) -> Result<String> {
    let inner = |choices: &mut Unstructured<'_>| {
        if depth < 6 {
            document(choices, depth + 1)
        } else {
            Ok("null".to_owned())
        }
    };
    let quoted = |text: String| serde_json::Value::String(text).to_string();
    Ok(match choices.int_in_range(0..=3)? {
        0 => quoted(text(choices)?),
        1 => format!("[{},{}]", inner(choices)?, inner(choices)?),
        2 => format!("{{{}:{}}}", quoted(text(choices)?), inner(choices)?),
        _ => format!("{:e}", f64::from(choices.arbitrary::<i32>()?)),
    })
}

fn measurement(choices: &mut Unstructured<'_>) -> Result<Measurement> {
    let number = |choices: &mut Unstructured<'_>| -> Result<f64> {
        Ok(f64::from_bits(choices.arbitrary()?))
    };
    let bound = |choices: &mut Unstructured<'_>| -> Result<Option<Bound>> {
        Ok(match choices.int_in_range(0..=2)? {
            0 => None,
            1 => Some(Bound::Above(number(choices)?)),
            _ => Some(Bound::Below(number(choices)?)),
        })
    };
    let word = |choices: &mut Unstructured<'_>| -> Result<String> {
        let known = choices.choose(&["lag", "free_bytes", "seconds", "", "Bad Name"])?;
        if choices.ratio(3_u8, 4)? {
            Ok((*known).to_owned())
        } else {
            text(choices)
        }
    };
    let (name, value, unit) = (word(choices)?, number(choices)?, word(choices)?);
    Ok(Measurement::new(name, value, unit)
        .degraded(bound(choices)?)
        .unhealthy(bound(choices)?))
}

/// What the input says, or something foul, as often as it says.
fn text(choices: &mut Unstructured<'_>) -> Result<String> {
    Ok(match choices.int_in_range(0..=7)? {
        0..=4 => choices.arbitrary::<String>()?,
        5 => {
            let foul = choices.choose(FOUL)?;
            foul.repeat(choices.int_in_range(1..=4_000)?)
        }
        6 => choices.choose(SECRETS)?.to_string(),
        _ => {
            let secret = choices.choose(SECRETS)?;
            let split = choices.int_in_range(1..=secret.len() - 1)?;
            let (start, end) = secret.split_at(split);
            let repeated = format!("{start}{}{end}", choices.choose(FOUL)?);
            repeated.repeat(choices.int_in_range(1..=700)?)
        }
    })
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    (0..32).map(|seed| noise(seed, 64 << (seed % 7))).collect()
}

const FOUL: &[&str] = &[
    "\u{202e}",
    "\u{200b}",
    "\0",
    "\r\n",
    "\u{1b}[2J",
    "\u{2028}",
    "\u{e0041}",
    "ä",
    "\"\\",
    "💥",
    "a",
];
