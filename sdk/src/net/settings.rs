//! The settings of a connection that every check offers. This file only translates them into
//! options.

use std::time::Duration;

use super::{ConnectOptions, Family};
use crate::Config;

/// How a check connects: by which proxy, and to which addresses. A check takes these settings into
/// its own with `#[config(flatten)]`, so that they have the same names in all checks.
///
/// ```
/// use vitals_sdk::net::ConnectSettings;
/// use vitals_sdk::prelude::*;
/// # use vitals_sdk::testing::{Peer, World};
///
/// #[derive(Config)]
/// struct Settings {
///     #[config(grant = "tcp")]
///     address: Address,
///     #[config(flatten)]
///     connection: ConnectSettings,
///     timeout: Option<Duration>,
/// }
///
/// fn check(settings: Settings) -> Result<Outcome> {
///     let options = settings.connection.options(settings.timeout);
///     tcp::connect_with(&settings.address, &options)?;
///     Ok(Outcome::healthy("connected"))
/// }
///
/// let settings = Settings::from_json(r#"{ "address": "db:5432", "family": "ipv6" }"#)?;
/// # let world = World::new();
/// # world.tcp("db:5432").responds(Peer::new());
/// # assert_eq!(world.outcome(|| check(settings)).message(), "connected");
/// # assert_eq!(world.connect_options("db:5432")[0].family, vitals_sdk::net::Family::Ipv6);
/// # Ok::<(), vitals_sdk::config::ConfigError>(())
/// ```
#[derive(Config, Clone, Debug)]
pub struct ConnectSettings {
    /// The proxy: the name of a table `proxies`.
    #[config(grant = "proxy")]
    proxy: Option<String>,
    #[config(flatten)]
    addresses: FamilySettings,
}

impl ConnectSettings {
    /// Returns the options. Without a timeout the run's deadline applies.
    pub fn options(&self, timeout: Option<Duration>) -> ConnectOptions {
        ConnectOptions {
            family: self.family(),
            proxy: self.proxy.clone(),
            timeout: timeout.unwrap_or(Duration::MAX),
        }
    }

    /// Returns the addresses that may be connected to.
    pub fn family(&self) -> Family {
        self.addresses.family()
    }

    /// Returns the name of the proxy.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }
}

/// Which addresses of a host a check uses, for checks that use no connection. See
/// [`ConnectSettings`].
#[derive(Config, Clone, Copy, Debug)]
pub struct FamilySettings {
    /// The family of the addresses to use. The default is both.
    family: Option<FamilySetting>,
}

impl FamilySettings {
    /// Returns the addresses that may be used.
    pub fn family(&self) -> Family {
        match self.family {
            None => Family::Any,
            Some(FamilySetting::Ipv4) => Family::Ipv4,
            Some(FamilySetting::Ipv6) => Family::Ipv6,
        }
    }
}

#[derive(Config, Clone, Copy, Debug)]
enum FamilySetting {
    Ipv4,
    Ipv6,
}
