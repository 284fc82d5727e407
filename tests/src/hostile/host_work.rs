//! Bytes that are dear to the host: what it formats, parses, verifies, compiles or opens for a
//! stranger, outside of fuel, epochs and deadline.
//!
//! Each case costs its sender little and, without a bound, would cost the host seconds or
//! gigabytes.

mod artifacts;
mod connections;
mod files;
mod foreign_names;
mod handles;
mod names;
mod own_addresses;
mod schemas;
mod servers;
mod texts;

use super::case::{Group, HostileCase};

pub(super) const GROUP: Group = Group::new(
    "what the host does with it",
    "Names, certificate chains, schemas, informational responses, files, connections and texts that \
     are expensive for the host. `/health/live` is requested all the time, and the peak memory of the \
     host is limited.",
);

pub(super) fn cases() -> Vec<HostileCase> {
    let parts = [
        names::cases,
        texts::cases,
        schemas::cases,
        servers::cases,
        files::cases,
        connections::cases,
        handles::cases,
        artifacts::cases,
        own_addresses::cases,
        foreign_names::cases,
    ];
    parts.into_iter().flat_map(|cases| cases()).collect()
}
