//! A host that lacks something of the machine's: that says nothing of anybody's plugin.

use super::case::{Body, Group, HostileCase, case};

pub(super) const GROUP: Group = Group::new(
    "shortage",
    "A host that has no descriptors left when a file arrives. The check of that file is `unknown` \
     and does not make the host unready. The host loads the file as soon as it can.",
)
.host("[checks.warm-up]\ncritical = false\n");

pub(super) fn cases() -> Vec<HostileCase> {
    let does = "serves on while a file comes that the host has no descriptors to load";
    let case = case("descriptors-gone", does, Body::Starved);
    vec![case.healthy().message("hello")]
}
