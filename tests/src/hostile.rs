//! The hostile-guest suite: hostile guests and inputs, each let loose in a host beside a good neighbour.
//!
//! Each [`HostileCase`] says what must become of it: a code, a limit, a result that is bounded. A real
//! `vitals serve` runs them, a group in one process; [`run_group`] tells what was seen: the result, how
//! long the run went on after its deadline, what the neighbour noticed, what memory the host kept.

#![expect(
    clippy::too_many_lines,
    reason = "a list of cases is as long as there are cases"
)]

mod access;
mod case;
mod clients;
mod compilation;
mod cpu;
mod descriptions;
mod files;
mod frame;
mod host_under_test;
mod host_work;
mod http;
mod library;
mod lifting;
mod load;
mod memory;
mod output;
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
pub use runner::{GroupReport, Sighting, run_group};
pub use table::table;

/// What the machine allows to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Others use the machine: a deadline is held to a second.
    Busy,
    /// Nothing else runs: a deadline is held to 15 ms.
    Quiet,
}

impl Patience {
    /// How long a run may go on after its deadline, in milliseconds. One bulk instruction may add
    /// its own length.
    fn overrun_ms(self, is_bulk: bool) -> f64 {
        match (self, is_bulk) {
            (Self::Busy, _) => 1000.0,
            (Self::Quiet, false) => 15.0,
            // About half a millisecond for each of the 64 MiB of memory.
            (Self::Quiet, true) => 15.0 + 32.0,
        }
    }
}

/// All cases by their groups.
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
        (sockets::GROUP, sockets::cases()),
        (tls::GROUP, tls::cases()),
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
