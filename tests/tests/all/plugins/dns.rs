//! The plugin `dns` on NSD, on the resolver of the machine of the tests, and on a server that lies.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use vitals_tests::guests;
use vitals_tests::servers::{self, Server};

use super::{measured, number, told, watch, watching};

async fn ask(server: SocketAddr, settings: &str) -> Value {
    let config = format!("config = {{ server = '{server}', {settings} }}");
    watch(guests::DNS, &config).await
}

/// Status and message, without where the server is.
fn told_of(check: &Value, server: SocketAddr) -> String {
    let (status, message) = told(check);
    format!("{status}: {}", message.replace(&server.to_string(), "<ns>"))
}

#[tokio::test]
async fn every_type_of_record_is_told_and_compared() {
    let server = Server::start("nsd", servers::nsd).await;
    for (settings, expected) in [
        (
            "name = 'shop.example.test', expect = ['192.0.2.1']",
            "healthy: <ns> returned 192.0.2.1, 192.0.2.2 for shop.example.test (A)",
        ),
        (
            "name = 'shop.example.test', expect = ['192.0.2.7']",
            "unhealthy: <ns>: expected 192.0.2.7 for shop.example.test (A), got 192.0.2.1, 192.0.2.2",
        ),
        (
            "name = 'SHOP.example.test.', type = 'AAAA', expect = ['2001:DB8:0::1'], authoritative = true",
            "healthy: <ns> returned 2001:db8::1 for SHOP.example.test. (AAAA)",
        ),
        (
            "name = 'www.example.test', expect = ['192.0.2.1', '192.0.2.2'], matching = 'exactly'",
            "healthy: <ns> returned 192.0.2.1, 192.0.2.2 for www.example.test (A)",
        ),
        (
            "name = 'www.example.test', type = 'CNAME', expect = ['shop.example.test.']",
            "healthy: <ns> returned shop.example.test for www.example.test (CNAME)",
        ),
        (
            "name = 'example.test', type = 'MX', expect = ['10 mail.example.test']",
            "healthy: <ns> returned 10 mail.example.test for example.test (MX)",
        ),
        (
            "name = 'example.test', type = 'NS', expect = ['ns1.example.test']",
            "healthy: <ns> returned ns1.example.test for example.test (NS)",
        ),
        (
            "name = 'example.test', type = 'TXT', expect = ['v=spf1 -all']",
            "healthy: <ns> returned v=spf1 -all for example.test (TXT)",
        ),
        (
            "name = 'example.test', type = 'CAA', expect = ['0 issue ca.test']",
            "healthy: <ns> returned 0 issue ca.test for example.test (CAA)",
        ),
        (
            "name = '_sip._tcp.example.test', type = 'SRV', expect = ['10 5 5060 sip.example.test']",
            "healthy: <ns> returned 10 5 5060 sip.example.test for _sip._tcp.example.test (SRV)",
        ),
        (
            "name = '25.2.0.192.in-addr.arpa', type = 'PTR', expect = ['mail.example.test']",
            "healthy: <ns> returned mail.example.test for 25.2.0.192.in-addr.arpa (PTR)",
        ),
        (
            "name = 'none.example.test'",
            "unhealthy: <ns> returned NXDOMAIN for none.example.test (A)",
        ),
        (
            "name = 'none.example.test', rcode = 'NXDOMAIN'",
            "healthy: <ns> returned NXDOMAIN for none.example.test (A), as expected",
        ),
        (
            "name = 'mail.example.test', type = 'AAAA'",
            "unhealthy: <ns> returned no AAAA record for mail.example.test",
        ),
        (
            "name = 'example.com'",
            "unhealthy: <ns> returned REFUSED for example.com (A)",
        ),
        (
            "name = 'shop.example.test', dnssec = true",
            "unhealthy: <ns> did not validate shop.example.test (A) with DNSSEC",
        ),
    ] {
        let check = ask(server.address(), settings).await;
        let told = told_of(&check, server.address());
        assert_eq!(told, expected, "{settings}: {check:#}");
    }
}

#[tokio::test]
async fn numbers_stand_in_measurements_and_a_long_answer_comes_over_tcp() {
    let server = Server::start("nsd", servers::nsd).await;
    let settings = "name = 'example.test', type = 'SOA', degraded_above = '5s'";
    let check = ask(server.address(), settings).await;
    assert_eq!(
        told_of(&check, server.address()),
        "healthy: <ns> returned ns1.example.test hostmaster.example.test 2026112101 3600 900 604800 300 \
         for example.test (SOA)"
    );
    let serial = number(&check, "soa_serial");
    assert!((serial - 2_026_112_101.0).abs() < 0.5, "{check:#}");
    assert!((number(&check, "ttl") - 300.0).abs() < 0.5, "{check:#}");
    let time = measured(&check, "response_time");
    assert_eq!(time["degraded_at"], json!({ "above": 5.0 }));
    assert_eq!(check["details"]["authoritative"], true, "{check:#}");

    for transport in ["udp", "tcp"] {
        let settings =
            format!("name = 'long.example.test', type = 'TXT', transport = '{transport}'");
        let check = ask(server.address(), &settings).await;
        assert_eq!(told(&check).0, "healthy", "{check:#}");
        let records = check["details"]["records"].to_string();
        assert_eq!(records.matches("does not fit").count(), 30, "{check:#}");
    }
}

#[tokio::test]
async fn nsd_is_watched_through_a_stop_and_a_freeze() {
    let mut server = Server::start("nsd", servers::nsd).await;
    let address = server.address();
    let config = format!(
        "interval = '1s'\ntimeout = '1s'\nconfig = {{ name = 'mail.example.test', server = '{address}' }}"
    );
    let host = watching(guests::DNS, &config).await;
    let becomes = async |words: &str| {
        let is_so = |check: &Value| told_of(check, address).starts_with(words);
        host.eventually_check("watched", words, is_so).await;
    };
    let up = "healthy: <ns> returned 192.0.2.25 for mail.example.test (A)";
    becomes(up).await;
    server.stop();
    becomes("unhealthy: no response for mail.example.test (A): cannot read from <ns>: connection refused").await;
    server.restart().await;
    becomes(up).await;
    server.freeze();
    becomes(
        "unhealthy: no response for mail.example.test (A): cannot read from <ns>: timed out after ",
    )
    .await;
    server.thaw();
    becomes(up).await;
}

/// A server that answers each question with all of these, where `right` stands for the answer itself.
fn liar(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    let patience = Some(Duration::from_mins(1));
    socket.set_read_timeout(patience).expect("a timeout");
    thread::spawn(move || {
        let mut bytes = [0; 1024];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            for answer in answers(&bytes[..length]) {
                socket.send_to(&answer, from).ok();
            }
        }
    });
    address
}

/// The question itself as the head of the answer, and an address behind it.
fn right(question: &[u8]) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer[7] = 1;
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
    answer
}

#[tokio::test]
async fn lies_are_left_aside_and_garbage_is_told() {
    let strange = |question: &[u8]| {
        let mut other_number = right(question);
        other_number[0] ^= 1;
        let mut other_name = right(question);
        other_name[13] ^= 1;
        vec![other_number, other_name, vec![0xff; 900], Vec::new()]
    };
    let server = liar(move |question| {
        let mut answers = strange(question);
        answers.push(right(question));
        answers
    });
    let check = ask(server, "name = 'shop.test'").await;
    assert_eq!(
        told_of(&check, server),
        "healthy: <ns> returned 192.0.2.7 for shop.test (A)"
    );

    let server = liar(strange);
    let check = ask(server, "name = 'shop.test', timeout = '500ms'").await;
    assert_eq!(
        told_of(&check, server),
        "unhealthy: no response for shop.test (A): cannot read from <ns>: timed out after 500ms, \
         after 4 datagrams that did not match the query"
    );

    let server = liar(|question| {
        let whole = right(question);
        vec![whole[..whole.len() - 2].to_vec()]
    });
    let check = ask(server, "name = 'shop.test'").await;
    let told = told_of(&check, server);
    assert!(
        told.starts_with("unhealthy: cannot parse the response for shop.test (A): "),
        "{told}"
    );
}

#[tokio::test]
async fn the_resolver_of_the_host_is_asked_without_a_server() {
    for (settings, expected) in [
        (
            "name = 'localhost', expect = ['127.0.0.1']",
            "healthy: the host's resolver returned 127.0.0.1 for localhost (A)",
        ),
        (
            "name = 'no-such-name.invalid'",
            "unhealthy: the host's resolver returned no address for no-such-name.invalid (A)",
        ),
        (
            "name = 'no-such-name.invalid', rcode = 'NXDOMAIN'",
            "healthy: the host's resolver returned NXDOMAIN for no-such-name.invalid (A), as expected",
        ),
        (
            "name = 'localhost', type = 'MX'",
            "unhealthy: the host's resolver does not return MX records: set `server`",
        ),
    ] {
        let check = watch(guests::DNS, &format!("config = {{ {settings} }}")).await;
        let (status, message) = told(&check);
        assert_eq!(format!("{status}: {message}"), expected, "{check:#}");
    }
}
