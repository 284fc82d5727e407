//! The status codes of gRPC (<https://grpc.io/docs/guides/status-codes/>).

/// Returns the name of a code, or `code 99`.
pub(crate) fn name(code: u32) -> String {
    let known = usize::try_from(code).ok().and_then(|at| NAMES.get(at));
    known.map_or_else(|| format!("code {code}"), |name| (*name).to_owned())
}

/// Returns what a code says about a call for `subject`: the server, or one of its services.
pub(crate) fn words(code: u32, subject: &str) -> String {
    match code {
        CANCELLED => "the server cancelled the call".to_owned(),
        DEADLINE_EXCEEDED => "the server did not answer in time".to_owned(),
        NOT_FOUND => format!("the server does not know {subject}"),
        PERMISSION_DENIED => "the server does not permit the call".to_owned(),
        RESOURCE_EXHAUSTED => "the server has no resources for the call".to_owned(),
        UNIMPLEMENTED => "the server does not offer the health service".to_owned(),
        INTERNAL => "the server has an internal error".to_owned(),
        UNAVAILABLE => "the server is not available".to_owned(),
        UNAUTHENTICATED => "the server does not accept the credentials".to_owned(),
        _ => "the server ended the call with an error".to_owned(),
    }
}

const CANCELLED: u32 = 1;
const DEADLINE_EXCEEDED: u32 = 4;
const NOT_FOUND: u32 = 5;
const PERMISSION_DENIED: u32 = 7;
const RESOURCE_EXHAUSTED: u32 = 8;
const UNIMPLEMENTED: u32 = 12;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;
const UNAUTHENTICATED: u32 = 16;

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
