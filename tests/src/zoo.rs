//! The zoo: hostile guests and inputs, each let loose in a host beside a good neighbour.
//!
//! Each [`Animal`] says what must become of it: a code, a limit, a result that is bounded. A real
//! `vitals serve` runs them, a group in one process; [`visit`] tells what was seen: the result, how
//! long the run went on after its deadline, what the neighbour noticed, what memory the host kept.

#![expect(
    clippy::too_many_lines,
    reason = "a list of animals is as long as there are animals"
)]

mod access;
mod animal;
mod clients;
mod compilation;
mod cpu;
mod descriptions;
mod files;
mod frame;
mod host_work;
mod house;
mod http;
mod keeper;
mod library;
mod lifting;
mod load;
mod memory;
mod output;
mod receivers;
mod resources;
mod schemas;
mod shortage;
mod sockets;
mod start;
mod table;
mod tls;
mod watchdog;
mod world;

pub use animal::{Animal, Group};
pub(crate) use frame::made;
pub use frame::written;
pub use keeper::{GroupReport, Sighting, visit};
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

/// All animals by their groups.
pub fn catalogue() -> Vec<(Group, Vec<Animal>)> {
    vec![
        (cpu::GROUP, cpu::animals()),
        (memory::GROUP, memory::animals()),
        (start::GROUP, start::animals()),
        (descriptions::GROUP, descriptions::animals()),
        (lifting::GROUP, lifting::animals()),
        (output::GROUP, output::animals()),
        (resources::GROUP, resources::animals()),
        (http::GROUP, http::animals()),
        (sockets::GROUP, sockets::animals()),
        (tls::GROUP, tls::animals()),
        (files::GROUP, files::animals()),
        (load::GROUP, load::animals()),
        (compilation::GROUP, compilation::animals()),
        (schemas::GROUP, schemas::animals()),
        (host_work::GROUP, host_work::animals()),
        (receivers::GROUP, receivers::animals()),
        (library::GROUP, library::animals()),
        (access::GROUP, access::animals()),
        (shortage::GROUP, shortage::animals()),
    ]
}
