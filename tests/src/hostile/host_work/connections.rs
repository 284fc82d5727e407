//! Clients that take connections and give none back: probes have to get through all the while, and
//! so has what the suite itself asks of the host.

use crate::hostile::case::{Body, HostileCase, case};
use crate::hostile::clients::{Crowd, Habit};

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let crowd = |name, does, habit, addresses| {
        case(name, does, Body::Crowd(Crowd { habit, addresses })).healthy()
    };
    vec![
        crowd("clients-keep", "1,200 clients of one address ask now and then over kept connections",
            Habit::Keeps, 1),
        crowd("clients-keep-apart", "1,200 clients of 100 addresses ask now and then over kept connections",
            Habit::Keeps, 100),
        crowd("clients-silent", "1,200 clients of 100 addresses connect and ask for nothing",
            Habit::IsSilent, 100),
        crowd("clients-slow-headers", "1,200 clients of one address send their headers a byte at a time",
            Habit::SendsSlowly, 1),
        crowd("clients-slow-readers", "1,200 clients of 100 addresses ask for much and take a byte at a time",
            Habit::ReadsSlowly, 100),
    ]
}
