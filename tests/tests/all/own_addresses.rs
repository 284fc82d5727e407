//! No name leads to the machine that the host runs on, by whatever address that is its own.
//!
//! The host is in a network of its own, and what its checks would reach there is its own pages.

use std::net::IpAddr;

use vitals_tests::{EnclosedNetwork, Serving, Vitals, eventually, guests};

/// Names, the address of this machine that each leads to, and what it is.
const NAMES: &[(&str, &str)] = &[
    ("first.test", "10.9.0.5"),
    // The kernel reaches it from the first.
    ("second.test", "10.9.0.6"),
    ("public.test", "93.184.216.34"),
    ("routed.test", "198.18.7.7"),
    ("six.test", "2001:db8:9::5"),
    ("six-routed.test", "2001:db8:77::1"),
    ("mapped.test", "::ffff:10.9.0.6"),
    ("nat64.test", "64:ff9b::10.9.0.6"),
    ("loopback.test", "127.7.7.7"),
];

fn network() -> EnclosedNetwork {
    let network = EnclosedNetwork::new()
        .address("10.9.0.5/24")
        .address("10.9.0.6/24")
        .address("93.184.216.34/32")
        .address("2001:db8:9::5/64")
        .local_route("198.18.7.0/24")
        .local_route("2001:db8:77::/64");
    let name =
        |network: EnclosedNetwork, (name, address): &(&str, &str)| network.name(name, address);
    NAMES.iter().fold(network, name)
}

/// A check that asks for the host's own liveness under a name, with grants for it.
fn asking(check: &str, name: &str, allow: &[&str]) -> String {
    let allow: Vec<_> = allow
        .iter()
        .map(|host| format!("http://{host}:8080"))
        .collect();
    format!(
        "[checks.{check}]\nplugin = 'hostile-net'\nallow.http = {allow:?}\n\
         config = {{ does = 'http', authority = '{name}:8080', path = '/health/live' }}\n"
    )
}

/// A check that looks a name up and connects to where it leads, with sockets of its own.
fn connecting(check: &str, name: &str, address: IpAddr) -> String {
    format!(
        "[checks.{check}]\nplugin = 'hostile-net'\n\
         allow = {{ names = ['{name}'], tcp = ['{name}:8080'] }}\n\
         config = {{ does = 'look-up', at = '{name}', then = '{address}:8080' }}\n"
    )
}

async fn looking_at_itself(checks: &str) -> Serving {
    let config = format!(
        "[server]\nlisten = '[::]:8080'\n[defaults]\ninterval = '1h'\ntimeout = '10s'\n{checks}"
    );
    Vitals::new(["serve"])
        .config(&config)
        .plugin("hostile-net", guests::HOSTILE_NET)
        .enclosed(network())
        .serve()
        .await
}

/// The line of the log in which a check has its first status.
async fn first_line(host: &Serving, check: &str) -> String {
    let field = format!("check={check} ");
    eventually(&format!("{check} has a status"), async || {
        let log = host.log();
        let line = log.iter().find(|line| line.contains(&field));
        line.cloned().ok_or_else(|| log.join("\n"))
    })
    .await
}

async fn is_denied(host: &Serving, check: &str) {
    let line = first_line(host, check).await;
    let reason = "leads: this machine itself, which only the name `localhost` may reach";
    assert!(
        line.contains("code=denied") && line.contains(reason),
        "{line}"
    );
}

async fn is_healthy(host: &Serving, check: &str) {
    let line = first_line(host, check).await;
    assert!(line.contains("check is healthy"), "{line}");
}

#[tokio::test]
async fn names_open_no_address_of_the_machine() {
    let mut config = asking("wild", "public.test", &["*.test"]);
    let mut checks = vec!["wild".to_owned()];
    for (name, address) in NAMES {
        let label = name.trim_end_matches(".test");
        checks.push(format!("http-{label}"));
        config.push_str(&asking(&format!("http-{label}"), name, &[name]));
        let address: IpAddr = address.parse().expect("an address");
        // The guest's own sockets know IPv4 alone.
        if address.to_canonical().is_ipv4() {
            checks.push(format!("tcp-{label}"));
            let connecting = connecting(&format!("tcp-{label}"), name, address.to_canonical());
            config.push_str(&connecting);
        }
    }
    let host = looking_at_itself(&config).await;
    for check in checks {
        is_denied(&host, &check).await;
    }
}

#[tokio::test]
async fn localhost_and_granted_addresses_open_the_machine() {
    let mut checks = asking("localhost", "localhost", &["localhost"]);
    checks.push_str(&asking("literal", "10.9.0.6", &["10.9.0.6"]));
    checks.push_str(&asking("both", "second.test", &["second.test", "10.9.0.6"]));
    checks.push_str(&asking("six", "six.test", &["six.test", "[2001:db8:9::5]"]));
    let host = looking_at_itself(&checks).await;
    for check in ["localhost", "literal", "both", "six"] {
        is_healthy(&host, check).await;
    }
}
