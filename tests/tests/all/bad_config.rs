//! Configurations that are wrong: the error says where, and what to do. An error in one check affects
//! only that check.

use insta::assert_snapshot;
use vitals_tests::guests::{Guest, HELLO, SETTINGS, TCP_CONNECT};
use vitals_tests::{TestHost, Vitals};

/// The messages of checks that fail to load, while the check `right` runs.
async fn load_errors(config: &str, guests: &[Guest], wrong: &[&str]) -> String {
    let mut builder = TestHost::builder().config(config).env("NAME", "n");
    for guest in guests {
        builder = builder.library(guest.name(), *guest);
    }
    let host = builder.start().await;
    assert_eq!(host.check("right").await["status"], "healthy");
    let mut messages = Vec::new();
    for name in wrong {
        let check = host.check(name).await;
        assert_eq!(check["error"]["code"], "load", "{check:#}");
        messages.push(host.tidy(check["message"].as_str().unwrap_or_default()));
    }
    messages.join("\n")
}

#[tokio::test]
async fn settings_that_the_schema_rejects_fail_only_their_check() {
    let config = "[checks.wrong]\nplugin = 'settings'\n\
                  config = { retries = 'often', pool = { mode = 'hasty' }, tag = [] }\n\
                  [checks.right]\nplugin = 'settings'\nconfig = { name = 'right' }";
    assert_snapshot!(load_errors(config, &[SETTINGS], &["wrong"]).await);
}

#[tokio::test]
async fn a_variable_that_is_not_set_fails_only_its_check() {
    let config = "[checks.wrong]\nplugin = 'settings'\nconfig = { name = '${NO_SUCH_NAME}' }\n\
                  [checks.lost]\nplugin = 'settings'\nconfig = { name = '${file:/no/such/file}' }\n\
                  [checks.right]\nplugin = 'settings'\nconfig = { name = '${NAME}' }";
    assert_snapshot!(load_errors(config, &[SETTINGS], &["wrong", "lost"]).await);
}

#[tokio::test]
async fn a_grant_that_cannot_be_parsed_fails_only_its_check() {
    let config = "[checks.wrong]\nplugin = 'hello'\nallow = { tcp = ['db.internal'] }\n\
                  [checks.value]\nplugin = 'tcp-connect'\nconfig = { address = 'nowhere' }\n\
                  [checks.right]\nplugin = 'hello'";
    assert_snapshot!(load_errors(config, &[HELLO, TCP_CONNECT], &["wrong", "value"]).await);
}

/// What `vitals serve` writes about a configuration that it rejects as a whole.
fn rejected(config: &str) -> String {
    let ended = Vitals::new(["serve"]).config(config).exits(2);
    assert_eq!(ended.stdout, "");
    ended.stderr
}

#[test]
fn a_file_that_is_not_toml() {
    assert_snapshot!(rejected("[server]\nlisten = \"127.0.0.1:0\n"));
}

#[test]
fn all_errors_of_a_file_are_reported_at_once() {
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
    assert_snapshot!(rejected(config));
}

#[test]
fn a_configuration_file_that_is_not_there() {
    let ended = Vitals::new(["serve", "--config", "nowhere.toml"]).exits(2);
    assert_snapshot!(ended.stderr);
}

#[test]
fn a_port_that_is_in_use() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!("[server]\nlisten = '{}'", other.local_addr().unwrap());
    assert_snapshot!(Vitals::new(["serve"]).config(&config).exits(1).stderr);
}
