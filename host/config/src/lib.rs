//! The configuration of the host: typed, validated, with every default filled in.
//!
//! The only crate that reads the configuration file and the environment. It knows the names and the
//! limits of keys, and nothing about what the host does with them.

mod builder;
mod checks;
mod clients;
mod config;
mod decode;
mod diagnostic;
mod diagnostics_collector;
mod environment;
mod expand;
mod hosts;
mod load;
mod notify;
mod raw;
mod reload;
mod resolve;
mod schema;
mod secret;
mod sections;
mod settings;
mod sources;
mod supervision;
mod tree;
mod values;
mod write;

pub use builder::{CheckBuilder, ConfigBuilder};
pub use checks::{Allow, AllowEntry, CheckConfig, Defaults, Schedule, Settings};
pub use clients::{Proxy, TlsIdentity};
pub use config::{Config, Origin};
pub use diagnostic::{Diagnostic, Diagnostics, Location};
pub use environment::{Environment, VARIABLES, Variable};
pub use hosts::{HostPattern, is_subdomain};
pub use notify::{Alertmanager, Notify, NotifyStatus, Webhook};
pub use reload::keys_needing_restart;
pub use schema::json_schema;
pub use secret::Secret;
pub use sections::{
    Details, Engine, LogFormat, Logging, Metrics, Plugins, Sentry, Server, Tls, Tools,
    UnhealthyStatus,
};
pub use sources::{Argument, Sources};
pub use supervision::Supervision;
pub use vitals_model::{InvalidProxyUrl, Limits, ProxyScheme, ProxyUrl, Root, Secrets};
