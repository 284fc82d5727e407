//! The JSON that a webhook receives for a change.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::alert_state::{Cause, Change, Event};
use super::instance::InstanceInfo;
use vitals_model::{Code, Status};

/// Version 1 of the payload. Keys may be added; existing keys keep their meaning.
#[derive(Serialize)]
struct Payload<'a> {
    version: u32,
    /// The same for each attempt to send this notification.
    id: &'a str,
    event: Event,
    cause: Cause,
    check: &'a str,
    plugin: Option<&'a str>,
    plugin_version: Option<&'a str>,
    critical: bool,
    severity: &'static str,
    from: Option<Status>,
    to: Option<Status>,
    code: Option<Code>,
    message: &'a str,
    details: &'a Map<String, Value>,
    since: Timestamp,
    at: Timestamp,
    instance: &'a str,
    url: Option<String>,
}

/// Returns the body of a request.
pub(super) fn payload(change: &Change, id: &str, instance: &InstanceInfo) -> Bytes {
    let last_result = &change.last_result;
    let payload = Payload {
        version: 1,
        id,
        event: change.event,
        cause: change.cause,
        check: last_result.check.as_str(),
        plugin: last_result.plugin.as_deref(),
        plugin_version: last_result.version.as_deref(),
        critical: last_result.critical,
        severity: change.alert.severity(last_result.critical),
        from: change.from,
        to: change.to,
        code: last_result.code,
        message: &last_result.message,
        details: &last_result.details,
        since: milliseconds(change.alert.since),
        at: milliseconds(change.at),
        instance: &instance.name,
        url: instance.page_of(&last_result.check),
    };
    serde_json::to_vec(&payload)
        .expect("a payload has string keys only")
        .into()
}

/// Truncates to milliseconds.
pub(super) fn milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
