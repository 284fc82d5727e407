//! Configurations that are wrong: said with place and remedy; what is wrong with one check alone is
//! that check's own trouble.

use insta::assert_snapshot;
use serde_json::Value;
use vitals_tests::{TestHost, Vitals, guests};

fn check<'a>(health: &'a Value, name: &str) -> &'a Value {
    let checks = health["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["name"] == name);
    check.unwrap_or_else(|| panic!("there is no {name} in {health:#}"))
}

#[tokio::test]
async fn a_configuration_that_the_schema_refuses_is_that_checks_own_trouble() {
    let config = "[checks.wrong]\nplugin = 'settings'\n\
                  config = { retries = 'often', pool = { mode = 'hasty' }, tag = [] }\n\
                  [checks.right]\nplugin = 'settings'\nconfig = { name = 'right' }";
    let host = TestHost::builder()
        .library("settings", guests::SETTINGS)
        .config(config);
    let host = host.start().await;
    let health = host.health().await;
    assert_eq!(check(&health, "right")["status"], "healthy");
    let wrong = check(&health, "wrong");
    assert_eq!(wrong["error"]["code"], "load", "{health:#}");
    assert_snapshot!(host.tidy(wrong["message"].as_str().unwrap_or_default()));
}

#[tokio::test]
async fn a_variable_that_is_not_set_is_that_checks_own_trouble() {
    let config = "[checks.wrong]\nplugin = 'settings'\nconfig = { name = '${NO_SUCH_NAME}' }\n\
                  [checks.lost]\nplugin = 'settings'\nconfig = { name = '${file:/no/such/file}' }\n\
                  [checks.right]\nplugin = 'settings'\nconfig = { name = '${NAME}' }";
    let builder = TestHost::builder()
        .library("settings", guests::SETTINGS)
        .config(config);
    let host = builder.env("NAME", "n").start().await;
    let health = host.health().await;
    assert_eq!(check(&health, "right")["status"], "healthy");
    let [wrong, lost] = ["wrong", "lost"].map(|name| {
        let check = check(&health, name);
        assert_eq!(check["error"]["code"], "load", "{health:#}");
        host.tidy(check["message"].as_str().unwrap_or_default())
    });
    assert_snapshot!(format!("{wrong}\n{lost}"));
}

#[tokio::test]
async fn a_grant_that_cannot_be_read_is_that_checks_own_trouble() {
    let config = "[checks.wrong]\nplugin = 'hello'\nallow = { tcp = ['db.internal'] }\n\
                  [checks.value]\nplugin = 'tcp-connect'\nconfig = { address = 'nowhere' }\n\
                  [checks.right]\nplugin = 'hello'";
    let builder = TestHost::builder()
        .library("hello", guests::HELLO)
        .config(config);
    let host = builder
        .library("tcp-connect", guests::TCP_CONNECT)
        .start()
        .await;
    let health = host.health().await;
    assert_eq!(check(&health, "right")["status"], "healthy");
    let [wrong, value] = ["wrong", "value"].map(|name| {
        let check = check(&health, name);
        assert_eq!(check["error"]["code"], "load", "{health:#}");
        host.tidy(check["message"].as_str().unwrap_or_default())
    });
    assert_snapshot!(format!("{wrong}\n{value}"));
}

/// What `vitals serve` says of a configuration that it refuses whole.
fn refused_whole(config: &str) -> String {
    let ended = Vitals::new(["serve"]).config(config).run();
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (Some(2), ""),
        "{}",
        ended.stderr
    );
    ended.stderr
}

#[test]
fn a_file_that_is_not_toml() {
    assert_snapshot!(refused_whole("[server]\nlisten = \"127.0.0.1:0\n"));
}

#[test]
fn everything_that_is_wrong_with_a_file_is_said_at_once() {
    let config = r#"
[server]
listn = "127.0.0.1:0"
details = "sometimes"
admin_token = "${NO_SUCH_TOKEN}"
[plugins]
rescan = "30 parsecs"
[defaults]
interval = "5s"
[checks.slow]
plugin = "hello"
timeout = "10s"
[checks.typo]
plugin = "hello"
intervall = "10s"
limits = { memory = "lots" }
[checks.typed]
plugin = 7
enabled = "perhaps"
[checks."Bad Name"]
plugin = "hello"
"#;
    assert_snapshot!(refused_whole(config));
}

#[test]
fn a_configuration_file_that_is_not_there() {
    let ended = Vitals::new(["serve", "--config", "nowhere.toml"]).run();
    assert_eq!(ended.status, Some(2), "{}", ended.stderr);
    assert_snapshot!(ended.stderr);
}

#[test]
fn a_port_that_is_in_use() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!("[server]\nlisten = '{}'", other.local_addr().unwrap());
    let ended = Vitals::new(["serve"]).config(&config).run();
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    assert_snapshot!(ended.stderr);
}
