//! The pages, one file each. They read the board and the rest of [`AppState`]; one requests a
//! reload.
//!
//! No page runs a check or knows how to.

mod answer;
mod auth;
mod check;
mod health;
mod host_names;
mod live;
mod metrics;
mod names;
mod not_found;
mod page_layer;
mod plugins;
mod ready;
mod reload;
mod routes;
mod server;
mod startup;
mod state;
mod tools;
mod write_timeout;

pub use routes::{probes_router, router, site};
pub use server::serve;
pub use state::{AppState, PageDeps, PageSettings};

#[cfg(test)]
mod tests;
