//! Durations, sizes and addresses: the host's own keys and the settings of a plugin read the same texts
//! as the same values. The grammar is tested beside `host/values`.

use std::fmt::Write as _;

use serde_json::{Value, json};
use vitals_host::config::Config;
use vitals_host::plugin::Grant;
use vitals_tests::guests::SETTINGS;
use vitals_tests::{TestHost, Vitals};

/// A kind of value: the plugin's setting, the detail in which the plugin shows it, how the host reads it,
/// and texts, of which it rejects the last ones.
type Kind = (
    &'static str,
    &'static str,
    fn(&str) -> Option<Value>,
    &'static [&'static str],
);

const KINDS: [Kind; 3] = [
    (
        "patience",
        "patience_ms",
        duration,
        &["1.5s", "1m30s", "1 hour, 5 mins", "2500µs", "1,5s", "PT2M"],
    ),
    (
        "room",
        "room_bytes",
        size,
        &["1.5 MB", "64 mib", "65536", ".5GiB", "1,5MiB", "6e4"],
    ),
    (
        "address",
        "address",
        address,
        &["DB_1.Internal.:80", "[2001:DB8:0::1]:80", "::1:80", "db:0"],
    ),
];

fn duration(text: &str) -> Option<Value> {
    let config: Config = format!("plugins.rescan = {}", json!(text)).parse().ok()?;
    Some(json!(config.plugins.rescan.as_millis()))
}

fn size(text: &str) -> Option<Value> {
    let config = format!("defaults.limits.memory = {}", json!(text));
    let config: Config = config.parse().ok()?;
    Some(json!(config.defaults.limits.memory))
}

fn address(text: &str) -> Option<Value> {
    let grant = Grant::allowed("tcp", text).ok()?;
    Some(json!(grant.target().to_string()))
}

#[tokio::test]
async fn host_and_plugin_read_the_same_values() {
    let mut config = String::new();
    for (setting, _, _, texts) in KINDS {
        for (index, text) in texts.iter().enumerate() {
            let value = json!(text);
            let check = format!("[checks.{setting}-{index}]\nplugin = 'settings'");
            writeln!(
                config,
                "{check}\nconfig = {{ name = 'n', {setting} = {value} }}"
            )
            .unwrap();
        }
    }
    let host = TestHost::start(&config, [SETTINGS]).await;
    for (setting, detail, read, texts) in KINDS {
        for (index, text) in texts.iter().enumerate() {
            let check = host.check(&format!("{setting}-{index}")).await;
            let is_read = check["status"] == "healthy";
            let by_plugin = is_read.then(|| check["details"][detail].clone());
            assert_eq!(by_plugin, read(text), "{text}");
            assert_eq!(is_read, index + 2 < texts.len(), "{text}");
        }
    }
}

#[test]
fn a_fraction_in_a_setting_is_valid_and_runs() {
    let config = "[checks.orders]\nplugin = 'settings'\ninterval = '1.5s'\ntimeout = '1.5s'\n\
                  config = { name = 'n', patience = '1.5s', room = '1.5MiB' }";
    for arguments in [&["validate"][..], &["check", "orders"]] {
        let vitals = Vitals::new(arguments.iter().copied()).config(config);
        vitals.guests([SETTINGS]).exits(0);
    }
}
