//! Bytes that are dear to the host: what it formats, parses, verifies, compiles or opens for a
//! stranger, outside of fuel, epochs and deadline.
//!
//! Each case costs its sender little and, without a bound, would cost the host seconds or gigabytes.

mod chains;
mod connections;
mod heads;
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
    let mut animals = Vec::new();
    animals.extend(connections::animals());
    animals.extend(chains::animals());
    animals.extend(heads::animals());
    animals.extend(schemas::animals());
    animals.extend(own_addresses::animals());
    let mut animals = names::animals();
    animals.extend(texts::animals());
    animals
}
