//! What a guest has the host expose at each scrape.

use crate::guests;
use crate::zoo::animal::Animal;

pub(super) fn animals() -> Vec<Animal> {
    vec![
        Animal::new(
            "histograms-full",
            "a hundred histograms, each as large on the page as one can be",
        )
        .built(guests::ZOO_LOCAL)
        .timeout(2000)
        .with("config = { does = 'histograms', count = 100 }")
        .survives("unhealthy")
        .message("TooManySeries"),
    ]
}
