//! What a guest has the host expose at each scrape.

use crate::guests;
use crate::hostile::case::HostileCase;

pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        HostileCase::new(
            "histograms-full",
            "a hundred histograms, each as large on the page as one can be",
        )
        .built(guests::HOSTILE_LOCAL)
        .timeout(2000)
        .with("config = { does = 'histograms', count = 100 }")
        .survives("unhealthy")
        .message("TooManySeries"),
    ]
}
