//! A real Prometheus and a real Alertmanager with the configurations of `deploy/monitoring`, in which only
//! addresses and times are changed.

use std::net::SocketAddr;

use regex_lite::Regex;
use vitals_tests::servers::free_address;
use vitals_tests::{Alertmanager, Prometheus};

use super::shipped::{self, CREDENTIALS, replaced};

/// Starts Prometheus. It scrapes these hosts and this node exporter twice a second, and sends alerts to
/// this Alertmanager, if there is one.
pub(super) fn prometheus(
    hosts: &[SocketAddr],
    node: SocketAddr,
    alertmanager: Option<SocketAddr>,
) -> Prometheus {
    let directory = shipped::copy();
    let write = |file: &str, text: &str| {
        std::fs::write(directory.path().join(file), text).expect("a copy can be written");
    };
    let targets: Vec<_> = hosts.iter().map(|host| format!("'{host}'")).collect();
    let own = free_address();
    write("metrics-token", "the-token-of-a-test");
    let token = directory.path().join("metrics-token");
    let config = replaced(
        &shipped::text("prometheus.yml"),
        &[
            ("[vitals:8000]", &format!("[{}]", targets.join(", "))),
            ("node-exporter:9100", &node.to_string()),
            (CREDENTIALS, token.to_str().expect("a text")),
            ("localhost:9090", &own.to_string()),
            ("scrape_interval: 15s", "scrape_interval: 500ms"),
            ("scrape_timeout: 10s", "scrape_timeout: 500ms"),
            ("evaluation_interval: 15s", "evaluation_interval: 500ms"),
        ],
    );
    write("prometheus.yml", &config);
    let waits = Regex::new(r"\bfor: \S+").expect("it is written here");
    let alerts = shipped::text("rules/alerts.yml");
    write("rules/alerts.yml", &waits.replace_all(&alerts, "for: 1s"));
    if let Some(address) = alertmanager {
        // The configuration reads this file.
        write("alertmanagers.yml", &format!("- targets: ['{address}']\n"));
    }
    Prometheus::configured(directory, own)
}

/// Starts the Alertmanager of the example, whose receivers are paths of a server at `receiver`.
pub(super) fn alertmanager(receiver: &str) -> Alertmanager {
    let config = replaced(
        &shipped::text("alertmanager.yml"),
        &[
            ("fill-in.invalid", receiver),
            ("group_wait: 30s", "group_wait: 1s"),
            ("group_interval: 5m", "group_interval: 1s"),
        ],
    );
    Alertmanager::start(&config)
}
