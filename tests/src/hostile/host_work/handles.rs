//! What a guest has the host keep for it behind handles: requests, headers and bodies that are never sent.

use crate::guests;
use crate::hostile::case::HostileCase;

pub(super) fn cases() -> Vec<HostileCase> {
    let keeps = |name: &str, does: &'static str, config: &str| {
        let config = format!("config = {{ does = 'requests-full', {config} }}");
        HostileCase::new(name, does)
            .built(guests::HOSTILE_LOCAL)
            .timeout(10_000)
            .endless_fuel()
            .with(&config)
    };
    vec![
        keeps(
            "request-methods",
            "keeps 990 requests with a method of a mebibyte each",
            "count = 990, method = 1_048_576",
        )
        .survives("unhealthy")
        .message("method"),
        keeps(
            "request-authorities",
            "keeps 990 requests to a host whose name has a mebibyte",
            "count = 990, authority = 1_048_576",
        )
        .survives("unhealthy")
        .message("authority"),
        keeps(
            "request-methods-below",
            "keeps 990 requests with a method and a host as long as they may be",
            "count = 990, method = 64, authority = 1_024",
        )
        .survives("healthy")
        .message("kept 990"),
        keeps(
            "requests-full",
            "keeps 990 requests, each with all that one may have",
            "count = 990, header = 60_000, path = 60_000, body = 65_536",
        )
        .ends("resources")
        .limit("20MiB"),
        keeps(
            "headers-full",
            "keeps 990 requests with as many headers as one may have",
            "count = 990, header = 60_000",
        )
        .ends("resources")
        .limit("20MiB"),
        HostileCase::new(
            "describe-requests",
            "has the host keep 990 requests in `describe`",
        )
        .built(guests::FILL_DESCRIBE)
        .timeout(10_000)
        .refused("passed the host more than 4MiB"),
    ]
}
