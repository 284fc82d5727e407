//! Durations, sizes and addresses: the host's own keys and the settings of a plugin read the same
//! texts, as the same values.

use std::fmt::Write as _;

use serde_json::{Value, json};
use vitals_host::config::Config;
use vitals_host::plugin::Grant;
use vitals_tests::{TestHost, Vitals, guests};

/// What a plugin reads each text as in the setting `key`, by the detail that shows it; nothing where
/// the check does not load or fails.
async fn read_by_plugin(key: &str, detail: &str, texts: &[&str]) -> Vec<Option<Value>> {
    let mut config = String::new();
    for (index, text) in texts.iter().enumerate() {
        let text = json!(text);
        writeln!(
            config,
            "[checks.at-{index}]\nplugin = 'settings'\nconfig = {{ name = 'n', {key} = {text} }}"
        )
        .expect("a text takes it");
    }
    let host = TestHost::builder()
        .library("settings", guests::SETTINGS)
        .config(&config);
    let host = host.start().await;
    let mut read = Vec::new();
    for index in 0..texts.len() {
        let check = host.check(&format!("at-{index}")).await;
        let is_read = check["status"] == "healthy";
        read.push(is_read.then(|| check["details"][detail].clone()));
    }
    read
}

fn host_config(key: &str, text: &str) -> Option<Config> {
    let (table, key) = key.rsplit_once('.').expect("a table and a key");
    format!("[{table}]\n{key} = {}", json!(text)).parse().ok()
}

fn all_alike(texts: &[&str], plugin: &[Option<Value>], host: impl Fn(&str) -> Option<Value>) {
    let host: Vec<_> = texts.iter().map(|text| host(text)).collect();
    let rows = texts.iter().zip(plugin.iter().zip(&host));
    let different: Vec<_> = rows.filter(|(_, (one, other))| one != other).collect();
    assert!(different.is_empty(), "text, plugin, host: {different:#?}");
    assert!(host.iter().any(Option::is_some) && host.iter().any(Option::is_none));
}

#[tokio::test]
async fn a_duration_is_the_same_to_host_and_plugin() {
    let texts = [
        "30s",
        "1.5s",
        "1m 30s",
        "1m30s",
        "1s 500ms",
        "0.5ms 1s",
        "90 min",
        "1 hour, 5 mins",
        "2500us",
        "2500µs",
        "1d",
        "+5s",
        " 5s ",
        "1.5h 30m",
        "",
        "30",
        "1,5s",
        "00:01:30",
        "5 parsecs",
        "-5s",
        "5s ago",
        "PT2M",
        "1 month",
        "1m,30s",
        "5S",
        "1.2.3s",
    ];
    let plugin = read_by_plugin("patience", "patience_ms", &texts).await;
    all_alike(&texts, &plugin, |text| {
        let config = host_config("plugins.rescan", text)?;
        Some(json!(config.plugins.rescan.as_millis()))
    });
}

#[tokio::test]
async fn a_size_is_the_same_to_host_and_plugin() {
    let texts = [
        "64MiB",
        "1.5MiB",
        "1.5 MB",
        "64 mib",
        "512k",
        "512Ki",
        "65536",
        "65536B",
        "+64MiB",
        " 64MiB\n",
        ".5GiB",
        "0.123456789GiB",
        "",
        "lots",
        "64 mebibytes",
        "1,5MiB",
        "-64MiB",
        "64iB",
        "1.2.3MiB",
        "6e4",
    ];
    let plugin = read_by_plugin("room", "room_bytes", &texts).await;
    all_alike(&texts, &plugin, |text| {
        let config = host_config("defaults.limits.memory", text)?;
        Some(json!(config.defaults.limits.memory))
    });
}

#[tokio::test]
async fn an_address_is_the_same_to_host_and_plugin() {
    let texts = [
        "db.internal:5432",
        "DB_1.Internal.:80",
        "127.0.0.1:80",
        "[::1]:80",
        "[2001:DB8:0::1]:80",
        "[::ffff:10.0.0.1]:80",
        "xn--bcher-kva.example:80",
        "db.internal",
        "db.internal:0",
        "db.internal:65536",
        ":80",
        "::1:80",
        "a:b:80",
        "a..b:80",
        "256.1.1.1:80",
        "a b:80",
        "a%2eb:80",
        "[fe80::1%eth0]:80",
    ];
    let plugin = read_by_plugin("address", "address", &texts).await;
    all_alike(&texts, &plugin, |text| {
        let grant = Grant::allowed("tcp", text).ok()?;
        Some(json!(grant.target().to_string()))
    });
}

#[test]
fn a_fraction_in_a_setting_is_valid_and_runs() {
    let config = "[checks.orders]\nplugin = 'settings'\ninterval = '1.5s'\ntimeout = '1.5s'\n\
                  config = { name = 'n', patience = '1.5s', room = '1.5MiB' }";
    for arguments in [&["validate"][..], &["check", "orders"]] {
        let vitals = Vitals::new(arguments.iter().copied()).config(config);
        let ended = vitals.plugin("settings", guests::SETTINGS).run();
        assert_eq!(ended.status, Some(0), "{}{}", ended.stdout, ended.stderr);
    }
}
