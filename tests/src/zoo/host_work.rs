//! Bytes that are dear to the host: what it formats, parses, verifies, compiles or opens for a
//! stranger, outside of fuel, epochs and deadline.
//!
//! Each case costs its sender little and, without a bound, would cost the host seconds or gigabytes.

mod files;

use super::animal::{Animal, Group};

pub(super) const GROUP: Group = Group {
    name: "what the host does with it",
    about: "Names, chains, schemas, informational heads, files, connections and texts that are dear to \
            the host. `/health/live` is asked all the while, and the host's peak memory is bounded.",
    host: "",
};

pub(super) fn animals() -> Vec<Animal> {
    let mut animals = Vec::new();
    animals.extend(files::animals());
    animals
}
