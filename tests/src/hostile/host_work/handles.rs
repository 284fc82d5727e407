//! What a guest has the host keep for it: requests, headers and bodies that are never sent, and
//! metrics.

use crate::guests;
use crate::hostile::case::{HostileCase, built, local};

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let keeps = |name, does, parts: &str| {
        local(name, does, &format!("does = 'requests-full', count = 990, {parts}"))
            .endless_fuel().timeout(10_000)
    };
    vec![
        keeps("request-methods", "keeps 990 requests with a method of a mebibyte each", "method = 1_048_576")
            .unhealthy().message("method"),
        keeps("request-authorities", "keeps 990 requests to a host whose name has a mebibyte",
            "authority = 1_048_576").unhealthy().message("authority"),
        keeps("request-methods-below", "keeps 990 requests with a method and a host as long as they may be",
            "method = 64, authority = 1_024").healthy().message("kept 990"),
        keeps("requests-full", "keeps 990 requests, each with all that one may have",
            "header = 60_000, path = 60_000, body = 65_536").exceeds("resources", "20MiB"),
        keeps("headers-full", "keeps 990 requests with as many headers as one may have", "header = 60_000")
            .exceeds("resources", "20MiB"),
        built("describe-requests", "has the host keep 990 requests in `describe`", guests::FILL_DESCRIBE)
            .timeout(10_000).refused("passed the host more than 4MiB"),
        local("histograms-full", "a hundred histograms, each as large on the page as one can be",
            "does = 'histograms', count = 100").timeout(2000).unhealthy().message("TooManySeries"),
    ]
}
