//! The integration tests, in one binary: everything goes through the doors that a user has.

mod access;
mod bad_input;
mod drop_in;
mod grants;
mod health;
mod limits;
mod metrics;
mod pages;
mod probes;
mod results;
