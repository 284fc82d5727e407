//! The hostile-guest suite: hostile guests and inputs, each in a real host beside a control check.
//!
//! Each group is a table of its [`HostileCase`]s: the name of each and what it does, then its
//! limits and grants, then what is expected, a code, a limit, or a result that is bounded.
//! `rustfmt` leaves the tables alone. A real `vitals serve` runs the cases of a group one after
//! another; [`run_group`] reports the result of each, how long the run continued after its
//! deadline, what the control check noticed, and what memory the host kept.

mod access;
mod case;
mod clients;
mod compilation;
mod cpu;
mod descriptions;
mod fetch;
mod files;
mod flaws;
mod frame;
mod host_under_test;
mod host_work;
mod http;
mod library;
mod lifting;
mod load;
mod memory;
mod net;
mod output;
mod patience;
mod receivers;
mod resources;
mod runner;
mod schemas;
mod shortage;
mod sockets;
mod start;
mod table;
mod tls;
mod watchdog;
mod world;

pub use case::{Group, HostileCase};
pub use frame::guest;
pub(crate) use frame::made;
pub use frame::written;
pub use patience::Patience;
pub use runner::{GroupReport, Sighting, run_group};
pub use table::table;

/// Returns all cases by their groups.
pub fn catalogue() -> Vec<(Group, Vec<HostileCase>)> {
    vec![
        (cpu::GROUP, cpu::cases()),
        (memory::GROUP, memory::cases()),
        (start::GROUP, start::cases()),
        (descriptions::GROUP, descriptions::cases()),
        (lifting::GROUP, lifting::cases()),
        (output::GROUP, output::cases()),
        (resources::GROUP, resources::cases()),
        (http::GROUP, http::cases()),
        (fetch::GROUP, fetch::cases()),
        (sockets::GROUP, sockets::cases()),
        (tls::GROUP, tls::cases()),
        (net::GROUP, net::cases()),
        (files::GROUP, files::cases()),
        (load::GROUP, load::cases()),
        (compilation::GROUP, compilation::cases()),
        (schemas::GROUP, schemas::cases()),
        (host_work::GROUP, host_work::cases()),
        (receivers::GROUP, receivers::cases()),
        (library::GROUP, library::cases()),
        (access::GROUP, access::cases()),
        (shortage::GROUP, shortage::cases()),
    ]
}
