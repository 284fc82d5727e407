//! The values of health checks: names, statuses, outcomes, and the verdict over many checks.
//!
//! This crate does no I/O and does not know how a check is run. Every other crate of the host may use it.

mod breaker;
mod detail;
mod guest_metrics;
mod guest_report;
mod hysteresis;
mod limits;
mod measurement;
mod name;
mod outcome;
mod proxy_url;
pub mod reload;
mod report;
mod root;
mod secrets;
mod status;
mod text;

pub use breaker::{Breaker, BreakerChange, LimitUse, MAX_STRETCH, OPEN_THRESHOLD};
pub use detail::{Detail, DetailValue, Sanitize};
pub use guest_metrics::{GuestMetrics, Sample, SampleError, VersionMetrics};
pub use guest_report::{ErrorTracker, GuestReport, PluginIdentity, Severity};
pub use hysteresis::{Hysteresis, Thresholds};
pub use limits::Limits;
pub use measurement::{Measurement, bytes, count, ratio, seconds};
pub use name::{CheckName, Digest, InvalidName, PluginName};
pub use outcome::{Outcome, OutcomeParts};
pub use proxy_url::{InvalidProxyUrl, ProxyScheme, ProxyUrl};
pub use report::{Activity, Code, Denial, RunError, RunReport, Usage};
pub use root::Root;
pub use secrets::Secrets;
pub use status::{Status, verdict};
pub use text::{Text, shown_path};
pub use vitals_values::{Bound, MetricUpdate, Quantity};
