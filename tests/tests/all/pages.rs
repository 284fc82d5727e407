//! Other pages of a real host: one check, tools and plugins. Unknown names, paths and methods are tested
//! beside the server.

use insta::assert_snapshot;
use serde_json::Value;
use vitals_tests::TestHost;
use vitals_tests::guests::{HELLO, MEASURE, TCP, WANTS_CONFIG};

fn pretty(host: &TestHost, json: &Value) -> String {
    host.tidy(&format!("{json:#}"))
}

#[tokio::test]
async fn the_page_of_a_check_shows_everything_about_it() {
    let config = "[checks.orders]\nplugin = 'measure'\ninterval = '15s'\ncritical = false\n\
                  allow = { tcp = ['db.internal:5432'] }";
    let host = TestHost::start(config, [MEASURE]).await;
    let check = host.check("orders").await;
    let fuel = check["result"]["fuel"].as_u64();
    assert!(fuel > Some(1000), "{check:#}");
    let memory = check["result"]["memory_peak_bytes"].as_u64();
    assert!(memory >= Some(65_536), "{check:#}");
    assert_snapshot!(pretty(&host, &check));
}

#[tokio::test]
async fn tools_are_those_of_file_and_environment() {
    let config =
        "[tools]\ngrafana = 'http://unused.example.com'\nwiki = 'https://wiki.example.com'";
    let host = TestHost::builder()
        .config(config)
        .env("GRAFANA_URL", "http://grafana.example.com:3000")
        .env("FLOWER_URL", "http://flower.example.com:5555")
        .start()
        .await;
    let answer = host.get("/health/tools").await;
    assert_eq!(answer.status, 200);
    assert_snapshot!(answer.text(), @r#"{"flower":"http://flower.example.com:5555","grafana":"http://grafana.example.com:3000","prometheus":null,"wiki":"https://wiki.example.com"}"#);
}

#[tokio::test]
async fn plugins_are_loaded_idle_or_failed() {
    let config = "[checks.local]\nplugin = 'tcp'\nconfig = { address = '127.0.0.1:1' }\n\
                  allow = { http = ['https://*.example.com'], names = ['example.com'] }\n\
                  [checks.other]\nplugin = 'tcp'\nconfig = { address = 'db.internal:5432' }";
    let host = TestHost::builder()
        .config(config)
        .library("tcp", TCP)
        .library("unused", HELLO)
        .guests([HELLO, WANTS_CONFIG])
        .plugin("broken", b"garbage")
        .start()
        .await;
    host.health().await;
    let answer = host.get("/plugins").await;
    assert_eq!(answer.status, 200);
    assert_snapshot!(pretty(&host, &answer.json()));
}
