//! Clients that take connections and give none back: probes have to get through all the while, and so
//! has what the suite itself asks of the host.

use crate::hostile::case::{Body, HostileCase};
use crate::hostile::clients::{Crowd, Habit};

pub(super) fn cases() -> Vec<HostileCase> {
    [
        (
            "clients-keep",
            "1,200 clients of one address ask now and then over kept connections",
            Habit::Keeps,
            1,
        ),
        (
            "clients-keep-apart",
            "1,200 clients of 100 addresses ask now and then over kept connections",
            Habit::Keeps,
            100,
        ),
        (
            "clients-silent",
            "1,200 clients of 100 addresses connect and ask for nothing",
            Habit::IsSilent,
            100,
        ),
        (
            "clients-slow-headers",
            "1,200 clients of one address send their headers a byte at a time",
            Habit::SendsSlowly,
            1,
        ),
        (
            "clients-slow-readers",
            "1,200 clients of 100 addresses ask for much and take a byte at a time",
            Habit::ReadsSlowly,
            100,
        ),
    ]
    .map(|(name, does, habit, addresses)| {
        HostileCase::new(name, does)
            .body(Body::Crowd(Crowd { habit, addresses }))
            .survives("healthy")
    })
    .into()
}
