//! Validates the durations of a schedule against each other, for a check or for `[defaults]`.

use std::time::Duration;

use vitals_values::duration_text;

use crate::checks::Schedule;
use crate::diagnostic::{Diagnostic, Location};
use crate::diagnostics_collector::DiagnosticsCollector;
use crate::tree::KeyPath;

/// Reports a timeout that is above an interval, unless the check itself sets none of the keys: then
/// it is reported for `[defaults]`.
pub(super) fn validate_schedule<'l>(
    schedule: &Schedule,
    whose: &str,
    path: &KeyPath<'_>,
    own: &dyn Fn(&str) -> Option<&'l Location>,
    inherited: &dyn Fn(&str) -> bool,
    collector: &DiagnosticsCollector,
) {
    let Schedule {
        interval,
        timeout,
        retry_interval,
        ..
    } = schedule;
    let from = |key: &str| match (own(key), inherited(key)) {
        (Some(_), _) => "",
        (None, true) => ", from `[defaults]`",
        (None, false) => ", the default",
    };
    let report = |key: &str, above: Duration, other: &str, below: Duration| {
        let Some(location) = own(key).or_else(|| own(other)) else {
            return;
        };
        let (shown, from_key) = (duration_text(above), from(key));
        let (limit, from_other) = (duration_text(below), from(other));
        collector.push(Diagnostic {
            location: location.clone(),
            key: KeyPath::Key(path, key).to_string(),
            message: format!(
                "`{key}` ({shown}{from_key}) {whose} is above its `{other}` ({limit}{from_other})"
            ),
            remedy: format!("write a `{key}` of at most {limit}, or a longer `{other}`"),
        });
    };
    if timeout > interval {
        report("timeout", *timeout, "interval", *interval);
    } else if timeout > retry_interval {
        report("timeout", *timeout, "retry_interval", *retry_interval);
    }
}
