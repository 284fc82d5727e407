//! The harness of the integration tests: real hosts on port 0, real guests, real HTTP.
//!
//! [`TestHost`] runs the host in this process, [`Vitals`] the binary, and [`Target`] is a server for
//! checks. The harness uses the interfaces that a user has, and must not know what is behind them.

pub mod bomb;
pub mod chaos;
pub mod fuzz;
pub mod guests;
pub mod hostile;
pub mod repository;

mod alertmanager;
mod bugsink;
mod der;
mod enclosed_network;
mod host;
mod inbox;
mod mounted;
mod place;
mod serving;
mod shell;
mod target;
mod tidy;
mod tls_target;
mod vitals;
mod wait;

pub use alertmanager::Alertmanager;
pub use bugsink::{Bugsink, Digested};
pub use enclosed_network::EnclosedNetwork;
pub use host::{TestHost, TestHostBuilder, compiler};
pub use inbox::{Inbox, Posted, Reception};
pub use mounted::Mounted;
pub use place::Place;
pub use serving::Serving;
pub use shell::Shell;
pub use target::{Reply, Target};
pub use tidy::{tidy, without_moments};
pub use tls_target::{Opening, TlsTarget};
pub use vitals::{Finished, Vitals, binary};
pub use vitals_servers as servers;
pub use vitals_servers::{
    Authority, DEADLINE, Identity, Process, Prometheus, Response, Series, ask, eventually, get,
};
pub use wait::{sample, sum, when};
