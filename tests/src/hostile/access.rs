//! What a host shows to those alone who have its token.

use super::case::{Group, HostileCase, Is, local};

pub(super) const GROUP: Group = Group::new(
    "access",
    "A host with `details = \"authorized\"`. Every page shows what a guest returns to a client with \
     the token, and nothing of it to a client without a token or with a wrong one.",
)
.host(
    "[server]\ndetails = 'authorized'\n\
     [tools]\nwiki = 'https://wiki.test/only_with_the_token'\n",
);

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        local("tells-everybody",
            "says the same in its message, details, measurements, output, log lines and label values",
            &format!("does = 'tell', mark = '', secret = '{PRIVATE}'"))
            .healthy().message(PRIVATE).fact("/result/output/0", Is::Containing(PRIVATE)),
    ]
}

/// What the pages show to a client with the token.
pub(super) const PRIVATE: &str = "only_with_the_token";
