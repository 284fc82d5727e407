//! Bytes that are dear to the host: what it formats, parses, verifies, compiles or opens for a
//! stranger, outside of fuel, epochs and deadline.
//!
//! Each case costs its sender little and, without a bound, would cost the host seconds or gigabytes.

mod artifacts;
mod chains;
mod connections;
mod files;
mod foreign_names;
mod handles;
mod heads;
mod metrics;
mod names;
mod own_addresses;
mod schemas;
mod texts;

use super::animal::{Animal, Group};

pub(super) const GROUP: Group = Group {
    name: "what the host does with it",
    about: "Names, chains, schemas, informational heads, files, connections and texts that are dear to \
            the host. `/health/live` is asked all the while, and the host's peak memory is bounded.",
    host: "",
};

pub(super) fn animals() -> Vec<Animal> {
    [
        names::animals,
        texts::animals,
        schemas::animals,
        chains::animals,
        heads::animals,
        files::animals,
        connections::animals,
        handles::animals,
        metrics::animals,
        artifacts::animals,
        own_addresses::animals,
        foreign_names::animals,
    ]
    .into_iter()
    .flat_map(|animals| animals())
    .collect()
}
