//! The values of health checks: names, statuses, outcomes, and the verdict over many checks.
//!
//! Nothing here does I/O or knows how a check is run; every other crate of the host may use it.

mod breaker;
mod hysteresis;
mod name;
mod outcome;
pub mod reload;
mod report;
mod status;
mod text;

pub use breaker::{Breaker, BreakerTurn, Conduct, MOST_STRETCH, OPENS_AT};
pub use hysteresis::{Hysteresis, Thresholds};
pub use name::{CheckName, Digest, InvalidName, PluginName};
pub use outcome::{Bound, Detail, DetailValue, Measurement, Outcome, OutcomeParts, Show};
pub use report::{Busy, Code, Refusal, RunError, RunReport, Usage};
pub use status::{Status, verdict};
pub use text::{Text, shown_path};
