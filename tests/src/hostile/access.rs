//! What a host shows to those alone who have its token.

use super::case::{Group, HostileCase, Is};
use crate::guests;

pub(super) const GROUP: Group = Group {
    name: "access",
    about: "A host with `details = \"authorized\"`. Every page shows what a guest returns to a \
            client with the token, and nothing of it to a client without a token or with a wrong \
            one.",
    host: "[server]\ndetails = 'authorized'\n[tools]\nwiki = 'https://wiki.test/only_with_the_token'\n",
};

pub(super) fn cases() -> Vec<HostileCase> {
    let config = format!("config = {{ does = 'tell', mark = '', secret = '{PRIVATE}' }}");
    vec![
        HostileCase::new(
            "tells-everybody",
            "says the same in its message, details, measurements, output, log lines and label values",
        )
        .built(guests::HOSTILE_LOCAL)
        .timeout(3000)
        .with(&config)
        .survives("healthy")
        .message(PRIVATE)
        .fact("/result/output/0", Is::Containing(PRIVATE.to_owned())),
    ]
}

/// What the pages show to who has the token.
pub(super) const PRIVATE: &str = "only_with_the_token";
