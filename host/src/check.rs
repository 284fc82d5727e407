//! The pure values of a health check: names, status, what a run found, the verdict over many.
//!
//! Nothing in this room does I/O or keeps state of its own; every other room may use it.

mod breaker;
mod detail;
mod hysteresis;
mod measurement;
mod name;
mod outcome;
mod report;
mod status;
mod text;

pub use breaker::{Breaker, BreakerTurn, Conduct, MOST_STRETCH, OPENS_AT};
pub use detail::{Detail, DetailValue, Show};
pub use hysteresis::{Hysteresis, Thresholds};
pub use measurement::{Bound, Measurement, Quantity, bytes, count, ratio, seconds};
pub use name::{CheckName, Digest, InvalidName, PluginName};
pub use outcome::{Outcome, OutcomeParts};
pub use report::{Busy, Code, Refusal, RunError, RunReport, Usage};
pub use status::{Status, verdict};
pub use text::Text;
pub(crate) use text::shown_path;
