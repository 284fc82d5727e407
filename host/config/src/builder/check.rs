//! One check of a configuration that a program makes.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;
use vitals_values::duration_text;

use crate::secret::Secret;
use crate::tree::Node;
use vitals_model::{Digest, Root};

/// Builds one check. What is not set is that of `[defaults]`.
///
/// See [`Config::builder`](crate::Config::builder) for an example. A name or value that a file could
/// not have is an error of [`ConfigBuilder::build`](crate::ConfigBuilder::build).
#[derive(Clone)]
#[must_use]
pub struct CheckBuilder {
    pub(super) table: Node,
    pub(super) secrets: Vec<Secret>,
}

/// Nothing is set.
impl Default for CheckBuilder {
    fn default() -> Self {
        Self {
            table: Node::empty(),
            secrets: Vec::new(),
        }
    }
}

macro_rules! setters {
    ($($(#[$about:meta])* $name:ident($($key:literal).+): $type:ty => $to_node:expr;)*) => {
        $(
            $(#[$about])*
            pub fn $name(self, value: $type) -> Self {
                self.set(&[$($key),+], $to_node(value))
            }
        )*
    };
}

impl CheckBuilder {
    /// A check that a plugin makes: `postgres` is `postgres.wasm`.
    pub fn plugin(name: &str) -> Self {
        Self::default().set(&["plugin"], Node::text(name))
    }

    /// A check that the program makes itself, and registers with the host by the same name.
    pub fn native() -> Self {
        Self::default()
    }

    setters! {
        /// Sets the time between the starts of two runs: 1 ms to 24 h.
        interval("interval"): Duration => duration;
        /// Sets the wall-clock time of one run: 1 ms to 24 h, not above the interval.
        timeout("timeout"): Duration => duration;
        /// Sets whether the host is not ready while the check is unhealthy.
        critical("critical"): bool => value;
        /// Sets the number of failed runs in a row after which the status becomes unhealthy: 1 to
        /// 1000.
        fall("fall"): u32 => value;
        /// Sets the number of good runs in a row after which the status is healthy again: 1 to 1000.
        rise("rise"): u32 => value;
        /// Sets the time between two runs while `fall` or `rise` is being counted: 1 ms to 24 h, not
        /// below the timeout.
        retry_interval("retry_interval"): Duration => duration;
        /// Sets whether a new version of the plugin makes a trial run before it is promoted.
        trial("trial"): bool => value;
        /// Sets whether receivers are notified of the transitions of the check.
        notify("notify"): bool => value;
        /// Sets whether the plugin may be loaded from `plugins.dir`.
        dir("dir"): bool => value;
        /// Sets whether the check runs.
        enabled("enabled"): bool => value;
        /// Sets the digest of the only file that is loaded as the plugin.
        sha256("sha256"): Digest => Node::text;
        /// Sets the trusted roots of the check's TLS connections.
        roots("tls"."roots"): impl IntoIterator<Item = Root> => roots;
        /// Sets the fuel of one run: about one unit for each instruction of the guest.
        fuel("limits"."fuel"): u64 => value;
        /// Sets the memory of one run in bytes: 64 KiB to 4 GiB.
        memory("limits"."memory"): u64 => value;
        /// Sets the bytes that the guest may hand to the host in one call: 1 KiB to 1 GiB.
        output("limits"."output"): u64 => value;
        /// Sets the number of sockets, requests, connections and look-ups of one run: 0 to 65536.
        connections("limits"."connections"): u32 => value;
        /// Sets the bytes of the body of one HTTP response: 1 KiB to 1 GiB.
        http_body("limits"."http_body"): u64 => value;
        /// Grants origins of URLs: `https://*.example.com`.
        allow_http("allow"."http"): impl IntoIterator<Item = impl Into<String>> => texts;
        /// Grants TCP addresses: `10.0.0.0/8:5432`.
        allow_tcp("allow"."tcp"): impl IntoIterator<Item = impl Into<String>> => texts;
        /// Grants UDP addresses: `1.1.1.1:53`.
        allow_udp("allow"."udp"): impl IntoIterator<Item = impl Into<String>> => texts;
        /// Grants addresses for connections that the host opens, with TLS or without:
        /// `*.example.com:443`.
        allow_tls("allow"."tls"): impl IntoIterator<Item = impl Into<String>> => texts;
        /// Grants hosts to ping: `10.0.0.0/8`.
        allow_icmp("allow"."icmp"): impl IntoIterator<Item = impl Into<String>> => texts;
        /// Grants names to look up: `example.com`.
        allow_names("allow"."names"): impl IntoIterator<Item = impl Into<String>> => texts;
        /// Grants files, and directories with everything below them: `/var/backups`.
        allow_files("allow"."files"): impl IntoIterator<Item = impl Into<String>> => texts;
        /// Grants environment variables: `TZ`.
        allow_env("allow"."env"): impl IntoIterator<Item = impl Into<String>> => texts;
        /// Grants facts about the machine: `disk:/`, `memory`, `load`.
        allow_system("allow"."system"): impl IntoIterator<Item = impl Into<String>> => texts;
        /// Grants identities of `[tls.identities]` to show to servers, by their names.
        allow_identities("allow"."identities"): impl IntoIterator<Item = impl Into<String>> => texts;
        /// Grants proxies of `[proxies]`, by their names.
        allow_proxies("allow"."proxies"): impl IntoIterator<Item = impl Into<String>> => texts;
    }

    /// Sets one of the plugin's own settings; `vitals inspect FILE.wasm` lists them.
    pub fn setting(self, key: &str, value: impl Into<Json>) -> Self {
        self.set(&["config", key], Node::from(value.into()))
    }

    /// Sets one of the plugin's own settings to a text that must not leave the host.
    pub fn secret_setting(mut self, key: &str, value: impl Into<Secret>) -> Self {
        let secret = value.into();
        let node = Node::secret(&secret);
        self.secrets.push(secret);
        self.set(&["config", key], node)
    }

    fn set(mut self, path: &[&str], node: Node) -> Self {
        self.table.put(path, node);
        self
    }
}

/// Shows the keys that are set, and none of the values.
impl fmt::Debug for CheckBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CheckBuilder ")?;
        let keys = self.table.table().into_iter().flatten();
        f.debug_set().entries(keys.map(|(key, _)| key)).finish()
    }
}

fn value(value: impl Into<Json>) -> Node {
    Node::from(value.into())
}

fn duration(duration: Duration) -> Node {
    Node::text(duration_text(duration))
}

fn texts(texts: impl IntoIterator<Item = impl Into<String>>) -> Node {
    let texts = texts.into_iter().map(Into::<String>::into);
    Node::from(texts.collect::<Json>())
}

fn roots(roots: impl IntoIterator<Item = Root>) -> Node {
    let text = |root| Json::from(PathBuf::from(root).to_str());
    Node::from(roots.into_iter().map(text).collect::<Json>())
}
