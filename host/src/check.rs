//! The pure values of a health check: names, status, what a run found, the verdict over many.
//!
//! Nothing in this room does I/O or keeps state of its own; every other room may use it.

mod breaker;
mod guest_metrics;
mod guest_report;
mod hysteresis;
mod limits;
mod name;
mod outcome;
mod report;
mod root;
mod secrets;
mod status;
mod text;

pub use breaker::{Breaker, BreakerTurn, Conduct, MOST_STRETCH, OPENS_AT};
pub use guest_metrics::{GuestMetrics, NotTaken, Reading, Sample, VersionMetrics};
pub use guest_report::{ErrorTracker, GuestReport, PluginIdentity, Severity};
pub use hysteresis::{Hysteresis, Thresholds};
pub use limits::Limits;
pub use name::{CheckName, Digest, InvalidName, PluginName};
pub use outcome::{Bound, Detail, DetailValue, Measurement, Outcome, OutcomeParts, Show};
pub use report::{Busy, Code, Refusal, RunError, RunReport, Usage};
pub use root::Root;
pub use secrets::Secrets;
pub use status::{Status, verdict};
pub use text::Text;
pub(crate) use text::shown_path;
