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

use super::case::{Group, HostileCase};

pub(super) const GROUP: Group = Group {
    name: "what the host does with it",
    about: "Names, certificate chains, schemas, informational responses, files, connections and \
            texts that are expensive for the host. `/health/live` is requested all the time, and \
            the peak memory of the host is limited.",
    host: "",
};

pub(super) fn cases() -> Vec<HostileCase> {
    [
        names::cases,
        texts::cases,
        schemas::cases,
        chains::cases,
        heads::cases,
        files::cases,
        connections::cases,
        handles::cases,
        metrics::cases,
        artifacts::cases,
        own_addresses::cases,
        foreign_names::cases,
    ]
    .into_iter()
    .flat_map(|cases| cases())
    .collect()
}
