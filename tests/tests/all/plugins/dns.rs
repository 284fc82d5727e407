//! The plugin `dns` against NSD and against the machine's resolver.

use std::net::SocketAddr;

use serde_json::Value;
use vitals_tests::servers::{self, Server};
use vitals_tests::{EnclosedNetwork, Vitals, guests};

use super::{number, told, watch, watching};

/// Queries this name once.
async fn ask(server: SocketAddr, name: &str, settings: &str) -> Value {
    let config = format!("config = {{ server = '{server}', name = '{name}', {settings} }}");
    watch(guests::DNS, &config).await
}

/// Status and message, with `<ns>` for the address of the server.
fn shown(check: &Value, server: SocketAddr) -> String {
    let (status, message) = told(check);
    format!("{status}: {}", message.replace(&server.to_string(), "<ns>"))
}

#[tokio::test]
async fn every_type_of_record_is_shown_and_compared() {
    let server = Server::start("nsd", servers::nsd).await;
    for (query, records) in [
        ("A shop.example.test", "192.0.2.1, 192.0.2.2"),
        ("AAAA SHOP.example.test.", "2001:db8::1"),
        // The addresses of the name that the alias leads to.
        ("A www.example.test", "192.0.2.1, 192.0.2.2"),
        ("CNAME www.example.test", "shop.example.test"),
        ("MX example.test", "10 mail.example.test"),
        ("NS example.test", "ns1.example.test"),
        ("TXT example.test", "v=spf1 -all"),
        ("CAA example.test", "0 issue ca.test"),
        ("SRV _sip._tcp.example.test", "10 5 5060 sip.example.test"),
        ("PTR 25.2.0.192.in-addr.arpa", "mail.example.test"),
        (
            "TLSA _443._tcp.shop.example.test",
            &format!("3 1 1 {}", "8bd1da95".repeat(8)),
        ),
        (
            "DS child.example.test",
            &format!("2371 13 2 {}", "1f987cc6".repeat(8)),
        ),
        (
            "DNSKEY example.test",
            "257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0d",
        ),
        ("HTTPS shop.example.test", "1 . alpn=h2"),
        ("SVCB _dns.example.test", "1 shop.example.test alpn=dot"),
        (
            "NAPTR example.test",
            r#"100 10 "S" "SIP+D2U" "" _sip._udp.example.test"#,
        ),
    ] {
        let (kind, name) = query.split_once(' ').expect("type and name");
        let expect: Vec<_> = records.split(", ").collect();
        let settings = format!("type = '{kind}', expect = {expect:?}, authoritative = true");
        let check = ask(server.address(), name, &settings).await;
        let expected = format!("healthy: <ns> returned {records} for {name} ({kind})");
        assert_eq!(shown(&check, server.address()), expected, "{check:#}");
    }
    for (name, settings, expected) in [
        (
            "none.example.test",
            "rcode = 'NXDOMAIN'",
            "healthy: <ns> returned NXDOMAIN for none.example.test (A), as expected",
        ),
        (
            "mail.example.test",
            "type = 'AAAA'",
            "unhealthy: <ns> returned no AAAA record for mail.example.test",
        ),
        (
            "example.com",
            "",
            "unhealthy: <ns> returned REFUSED for example.com (A)",
        ),
    ] {
        let check = ask(server.address(), name, settings).await;
        assert_eq!(shown(&check, server.address()), expected, "{check:#}");
    }
}

#[tokio::test]
async fn the_serial_is_measured_and_a_long_response_comes_over_tcp() {
    let server = Server::start("nsd", servers::nsd).await;
    let check = ask(server.address(), "example.test", "type = 'SOA'").await;
    assert_eq!(
        shown(&check, server.address()),
        "healthy: <ns> returned ns1.example.test hostmaster.example.test 2026112101 3600 900 604800 300 \
         for example.test (SOA)"
    );
    for (measurement, expected) in [("soa_serial", 2_026_112_101.0), ("ttl", 300.0)] {
        let value = number(&check, measurement);
        assert!((value - expected).abs() < 0.5, "{check:#}");
    }

    for transport in ["udp", "tcp"] {
        let settings = format!("type = 'TXT', transport = '{transport}'");
        let check = ask(server.address(), "long.example.test", &settings).await;
        assert_eq!(told(&check).0, "healthy", "{check:#}");
        let records = check["details"]["records"].to_string();
        assert_eq!(records.matches("does not fit").count(), 30, "{check:#}");
    }
}

#[tokio::test]
async fn a_server_that_stops_or_freezes_is_unhealthy_until_it_is_back() {
    let mut server = Server::start("nsd", servers::nsd).await;
    let address = server.address();
    let config = format!("config = {{ name = 'mail.example.test', server = '{address}' }}");
    let lines = format!("interval = '1s'\ntimeout = '1s'\n{config}");
    let host = watching(guests::DNS, &lines).await;
    let becomes = async |text: &str| {
        let is_so = |check: &Value| shown(check, address).starts_with(text);
        host.eventually_check("watched", text, is_so).await;
    };
    let up = "healthy: <ns> returned 192.0.2.25 for mail.example.test (A)";
    let down = "unhealthy: no response for mail.example.test (A): cannot read from <ns>: ";
    becomes(up).await;
    server.stop();
    becomes(&format!("{down}connection refused")).await;
    server.restart().await;
    becomes(up).await;
    server.freeze();
    becomes(&format!("{down}timed out after ")).await;
    server.thaw();
    becomes(up).await;
}

#[tokio::test]
async fn without_a_server_the_machines_resolver_is_queried() {
    for (settings, expected) in [
        (
            "name = 'localhost', expect = ['127.0.0.1']",
            "healthy: the host's resolver returned 127.0.0.1 for localhost (A)",
        ),
        (
            "name = 'no-such-name.invalid', rcode = 'NXDOMAIN'",
            "healthy: the host's resolver returned NXDOMAIN for no-such-name.invalid (A), as expected",
        ),
    ] {
        let check = watch(guests::DNS, &format!("config = {{ {settings} }}")).await;
        let (status, message) = told(&check);
        assert_eq!(format!("{status}: {message}"), expected, "{check:#}");
    }
}

#[tokio::test]
async fn a_resolver_that_does_not_answer_does_not_prove_that_a_name_does_not_exist() {
    let config = "[server]\nlisten = '127.0.0.1:8080'\n[checks.staging]\nplugin = 'dns'\n\
                  config = { name = 'staging.example.com', rcode = 'NXDOMAIN' }\n";
    let host = Vitals::new(["serve"])
        .config(config)
        .guests([guests::DNS])
        .enclosed(EnclosedNetwork::new())
        .serve()
        .await;
    let line = host.eventually_logs("check=staging ").await;
    let problem = "cannot look up staging.example.com: no resolver answered";
    assert!(
        line.contains("unhealthy") && line.contains(problem),
        "{line}"
    );
}
