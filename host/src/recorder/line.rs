//! The line of the log for a check that has turned.
//!
//! What is of a closed alphabet (names, words, digests) stands as it is; every other text is a string,
//! which the text format quotes and escapes: nobody can forge a field with it.

use tracing::field::display;

use super::Turn;
use crate::check::{Digest, Status};

/// Says that a check has turned, or fails otherwise than before.
pub(super) fn log_turn(turn: &Turn<'_>) {
    let (check, report) = (turn.check, turn.report);
    let from = display(turn.before.map_or("new", Status::as_str));
    let to = display(turn.status.as_str());
    let failures = (turn.failures > 0).then_some(turn.failures);
    let error = report.error.as_ref();
    let code = error.map(|error| display(error.code.as_str()));
    let error = error.map(|error| error.message.as_str());
    let said = Some(report.outcome.message().as_str());
    // Of a run without an answer the error is all that there is to say.
    let said = said.filter(|said| !said.is_empty() && Some(*said) != error);
    let facts = turn.facts.and_then(|facts| facts.plugin.as_ref());
    let plugin = facts.map(|plugin| display(&plugin.name));
    let version = facts.and_then(|plugin| plugin.version.as_ref().map(display));
    let digest = facts.and_then(|plugin| plugin.digest.as_ref().map(Digest::short).map(display));
    macro_rules! line {
        ($level:ident, $words:literal) => {
            tracing::$level!(
                %check, from, to, failures, code, error, said, plugin, version, digest, $words
            )
        };
    }
    match turn.status {
        Status::Healthy => line!(info, "check is healthy"),
        Status::Degraded => line!(warn, "check is degraded"),
        Status::Unhealthy => line!(error, "check is unhealthy"),
        Status::Unknown => line!(warn, "check is unknown"),
    }
}
