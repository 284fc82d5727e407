//! Files that are dropped in under the name of a plugin of the library, to be given its settings.

use super::case::{Body, Group, HostileCase, Original, case};

pub(super) const GROUP: Group = Group::new(
    "library",
    "Files in the plugins directory with the names of plugins in the library. No configured check \
     runs such a file, and no such file gets the settings or secrets of a configured check.",
)
.host("[plugins]\nlibrary = 'library'\n");

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let impostor = |name, does, original| {
        case(name, does, Body::Impostor(original)).timeout(3000)
            .config("does = 'tell', mark = \"\\u200b\", secret = '${HUNTER}'")
    };
    let in_vain = "checks of the configuration take their plugin from the library";
    vec![
        impostor("impostor", "is dropped in beside the library's, to tell the secret that it is given",
            Original::Kept).healthy().message("bad"),
        impostor("impostor-stays", "is dropped in beside the library's, which is removed then",
            Original::Removed).refused(in_vain),
        impostor("impostor-alone", "is dropped in where the library has none", Original::Missing)
            .refused(in_vain),
    ]
}
