//! The sinks of a host: each tells somebody of the events that it reads.
//!
//! A new sink is one module that implements `vitals_core::events::Sink`, and one line where the host is
//! assembled. Knows neither pages nor how a check is run.

mod delivery;
pub mod event_log;
pub mod metrics;
pub mod notify;
mod outgoing;
pub mod sentry;
