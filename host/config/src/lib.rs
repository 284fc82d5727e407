//! The configuration of the host: typed, validated, with every default filled in.
//!
//! The only crate that reads the configuration file and the environment. It knows what a key is
//! called and what it may say, and nothing of what the host does with it.

mod bounds;
mod checks;
mod config;
mod decode;
mod diagnose;
mod difference;
mod environment;
mod expand;
mod faults;
mod hosts;
mod load;
mod notify;
mod raw;
mod resolve;
mod schema;
mod sections;
mod settings;
mod sources;
mod supervision;
mod tree;
mod values;

pub use bounds::OutOfBounds;
pub use checks::{Allow, CheckConfig, Defaults, Entry, Schedule, Settings};
pub use config::{Config, Origin};
pub use diagnose::{Diagnostic, Diagnostics, Location};
pub use difference::need_restart;
pub use environment::{Environment, VARIABLES, Variable};
pub use hosts::HostPattern;
pub use hosts::is_below;
pub use notify::{Alertmanager, Notified, Notify, Webhook};
pub use schema::json_schema;
pub use sections::{
    Details, Engine, LogFormat, Logging, Metrics, Plugins, Sentry, Server, Tls, Tools,
    UnhealthyStatus,
};
pub use sources::{Argument, Sources};
pub use supervision::Supervision;
pub use vitals_model::{Limits, Root, Secrets};
