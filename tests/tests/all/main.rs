//! The integration tests, in one binary: everything goes through the doors that a user has.

mod access;
mod bad_config;
mod bad_input;
mod breaker;
mod cancel;
mod cli;
mod docs;
mod drop_in;
mod fuzz;
mod grants;
mod health;
mod invariants;
mod limits;
mod liveness;
mod metrics;
mod native;
mod pages;
mod panics;
mod probes;
mod results;
mod schedule;
mod scripts;
mod shutdown;
mod tls;
mod watching;
mod zoo;
