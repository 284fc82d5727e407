//! TLS by the host, for plugins: what is granted, what is trusted, and that nothing a server does costs
//! more than the run's own time.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use rcgen::{CertificateParams, DnType, SerialNumber, date_time_ymd};
use serde_json::{Value, json};
use vitals_tests::guests::{self, Guest};
use vitals_tests::{Authority, Identity, Opening, Reply, Target, TestHost, TlsTarget, eventually};

/// A check that is about to run, as `orders`.
struct Orders {
    guest: Guest,
    config: Value,
    /// What its own `tls.roots` hold.
    roots: Option<String>,
    /// What `[tls] roots` of the host hold.
    host_roots: Option<String>,
    /// Other keys of the check.
    keys: String,
}

impl Orders {
    /// One that does steps with a connection.
    fn steps(address: &impl ToString, steps: &[&str]) -> Self {
        Self::new(
            guests::TLS_STEPS,
            json!({ "address": address.to_string(), "steps": steps }),
        )
    }

    /// One that shakes hands through the SDK.
    fn connect(address: SocketAddr, settings: &Value) -> Self {
        let mut config = settings.clone();
        config["address"] = address.to_string().into();
        Self::new(guests::TLS_CONNECT, config)
    }

    fn new(guest: Guest, config: Value) -> Self {
        Self {
            guest,
            config,
            roots: None,
            host_roots: None,
            keys: "timeout = '20s'".to_owned(),
        }
    }

    fn trusting(mut self, authority: &Authority) -> Self {
        self.roots = Some(authority.pem());
        self
    }

    fn keys(mut self, keys: &str) -> Self {
        keys.clone_into(&mut self.keys);
        self
    }

    /// Starts a host with it.
    async fn start(self) -> TestHost {
        let builder = TestHost::builder().library("guest", self.guest);
        let mut config = String::new();
        if let Some(pem) = self.host_roots {
            let file = builder.place().write("host-roots.pem", pem);
            config.extend(["[tls]\n", &roots(&file)]);
        }
        config.extend([
            "[checks.orders]\nplugin = 'guest'\ninterval = '1h'\n",
            &self.keys,
        ]);
        if let Some(pem) = self.roots {
            let file = builder.place().write("roots.pem", pem);
            config.extend(["\ntls.", &roots(&file)]);
        }
        config.push_str("\n[checks.orders.config]\n");
        for (key, value) in self.config.as_object().expect("an object") {
            config.extend([key, " = ", &value.to_string(), "\n"]);
        }
        builder.config(&config).start().await
    }

    /// Runs it once and answers everything known of it.
    async fn run(self) -> Value {
        self.start().await.check("orders").await
    }

    /// Runs it once and answers what became of each step.
    async fn said(self) -> Vec<String> {
        said(&self.run().await)
    }
}

/// The setting that makes a file the roots.
fn roots(file: &Path) -> String {
    format!("roots = [{:?}]\n", file.display().to_string())
}

/// What became of each step. A line break shows as a space, as in every text of a guest.
fn said(check: &Value) -> Vec<String> {
    let said = check["details"]["said"].as_array();
    let said = said.unwrap_or_else(|| panic!("it did no steps: {check:#}"));
    said.iter()
        .map(|answer| answer.as_str().unwrap_or_default().to_owned())
        .collect()
}

fn message(check: &Value) -> &str {
    check["message"].as_str().unwrap_or_default()
}

/// The messages of the refusals, ports left out.
fn refusals(check: &Value) -> String {
    let refusals = check["result"]["refusals"].as_array().expect("refusals");
    let messages: Vec<&str> = refusals
        .iter()
        .filter_map(|refusal| refusal["message"].as_str())
        .collect();
    vitals_tests::tidy(Path::new("/nowhere"), &messages.join("\n"))
}

fn web(authority: &Authority, change: impl FnOnce(&mut CertificateParams)) -> Identity {
    authority.identity(&["web.test", "*.shop.test", "127.0.0.1"], change)
}

/// A server with a good certificate, and who signed it.
fn good() -> (TlsTarget, Authority) {
    let authority = Authority::new("Test Root");
    let target = TlsTarget::start(&web(&authority, |_| {}), Opening::Tls);
    (target, authority)
}

#[tokio::test]
async fn a_plugin_speaks_over_tls_and_sees_what_the_server_showed() {
    let authority = Authority::new("Test Root");
    let identity = web(&authority, |params| {
        params.distinguished_name.push(DnType::CommonName, "web");
        params.serial_number = Some(SerialNumber::from_slice(&[0xca, 0xfe]));
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2100, 1, 1);
    });
    let target = TlsTarget::start(&identity, Opening::Tls);
    let check = Orders::connect(target.address(), &json!({ "name": "web.test" }))
        .trusting(&authority)
        .run()
        .await;
    let details = &check["details"];
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert_eq!(details["echo"], "over TLS", "{check:#}");
    assert_eq!(details["stream"], "as a stream", "{check:#}");
    assert_eq!(
        (&details["trusted"], &details["doubt"]),
        (&json!(true), &json!(""))
    );
    assert_eq!(details["protocol"], "TLSv1.3");
    assert!(
        details["cipher"]
            .as_str()
            .is_some_and(|cipher| cipher.starts_with("TLS_") && cipher.contains("_SHA")),
        "{check:#}"
    );
    let [leaf, root] = details["chain"].as_array().expect("a chain").as_slice() else {
        panic!("a chain of two: {check:#}");
    };
    assert_eq!(
        (&leaf["subject"], &leaf["issuer"], &root["subject"]),
        (
            &json!("CN=web"),
            &json!("CN=Test Root"),
            &json!("CN=Test Root")
        ),
    );
    assert_eq!(
        leaf["names"],
        json!(["web.test", "*.shop.test", "127.0.0.1"])
    );
    assert_eq!(leaf["serial"], "cafe");
    assert_eq!(
        (&leaf["not_before"], &leaf["not_after"]),
        (&json!(1_577_836_800), &json!(4_102_444_800_i64))
    );
    assert_eq!(leaf["sha256"].as_str().map(str::len), Some(64));
    assert!(details["days_left"].as_i64() > Some(20_000), "{check:#}");
    assert_eq!(details["days_left"], details["expires_in_days"]);
}

#[tokio::test]
async fn a_chain_that_is_not_trusted_is_an_error_or_shown_with_its_reason() {
    let authority = Authority::new("Test Root");
    let expired = web(&authority, |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    let early = web(&authority, |params| {
        params.not_before = date_time_ymd(4000, 1, 1);
    });
    let foreign = web(&Authority::new("Other Root"), |_| {});
    let lonely = Identity::self_signed(&["web.test"]);
    let cases = [
        (expired, "web.test", "it has expired"),
        (early, "web.test", "it is not valid yet"),
        (
            web(&authority, |_| {}),
            "other.test",
            "it is for another name",
        ),
        (
            web(&authority, |_| {}),
            "127.0.0.2",
            "it is for another name",
        ),
        (
            foreign,
            "web.test",
            "its issuer is not among the trusted roots",
        ),
        (
            lonely,
            "web.test",
            "it is self-signed, and not among the trusted roots",
        ),
    ];
    for (identity, name, reason) in cases {
        let target = TlsTarget::start(&identity, Opening::Tls);
        let verify = format!("start {name} verify 9000");
        let any = format!("start {name} any 9000");
        let steps = [
            "connect 9000",
            &verify,
            "write hello 9000",
            "connect 9000",
            &any,
            "write hello 9000",
            "read 64 9000",
        ];
        let check = Orders::steps(&target.address(), &steps)
            .trusting(&authority)
            .run()
            .await;
        assert_eq!(
            said(&check),
            [
                "connected",
                &format!("failed: the certificate of {name} is not trusted: {reason}"),
                "closed",
                "connected",
                &format!("TLSv1.3: {reason}"),
                "written",
                "hello ",
            ],
            "{check:#}"
        );
        let chain = check["details"]["chain"].as_array().expect("a chain");
        assert_eq!(chain.len(), identity.chain.len(), "{check:#}");
    }
}

#[tokio::test]
async fn an_error_of_tls_is_the_message_of_the_result() {
    let (target, _) = good();
    let other = Authority::new("Other Root");
    let check = Orders::connect(target.address(), &json!({ "name": "web.test" }))
        .trusting(&other)
        .run()
        .await;
    assert_eq!(check["status"], "unhealthy", "{check:#}");
    assert_eq!(
        message(&check),
        format!(
            "cannot start TLS with {}: the certificate of web.test is not trusted: its issuer is not \
             among the trusted roots",
            target.address()
        )
    );
    let settings = json!({ "name": "web.test", "verify": false });
    let check = Orders::connect(target.address(), &settings)
        .trusting(&other)
        .run()
        .await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert_eq!(
        check["details"]["doubt"],
        "its issuer is not among the trusted roots"
    );
    assert_eq!(check["details"]["echo"], "over TLS");
}

#[tokio::test]
async fn roots_are_the_hosts_or_the_checks_own() {
    let (target, authority) = good();
    let steps = ["connect 9000", "start web.test verify 9000"];
    let mut by_the_host = Orders::steps(&target.address(), &steps);
    by_the_host.host_roots = Some(authority.pem());
    assert_eq!(by_the_host.said().await[1], "TLSv1.3: trusted");

    let mut own_instead = Orders::steps(&target.address(), &steps).trusting(&Authority::new("Own"));
    own_instead.host_roots = Some(authority.pem());
    assert_eq!(
        own_instead.said().await[1],
        "failed: the certificate of web.test is not trusted: its issuer is not among the trusted roots"
    );
}

#[tokio::test]
async fn a_wildcard_and_an_address_in_a_certificate_count() {
    let (target, authority) = good();
    for name in ["eu.shop.test", "EU.Shop.Test.", "127.0.0.1", "web.test"] {
        let start = format!("start {name} verify 9000");
        let said = Orders::steps(&target.address(), &["connect 9000", &start])
            .trusting(&authority)
            .said()
            .await;
        assert_eq!(said[1], "TLSv1.3: trusted", "{name}");
    }
}

#[tokio::test]
async fn a_server_of_tls_1_2_is_judged_alike() {
    let authority = Authority::new("Test Root");
    let target = TlsTarget::start(&web(&authority, |_| {}), Opening::Tls12);
    let check = Orders::connect(target.address(), &json!({ "name": "web.test" }))
        .trusting(&authority)
        .run()
        .await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert_eq!(check["details"]["protocol"], "TLSv1.2");
    assert!(
        check["details"]["cipher"]
            .as_str()
            .is_some_and(|cipher| cipher.starts_with("TLS_ECDHE_ECDSA_WITH_")),
        "{check:#}"
    );
    let steps = ["connect 9000", "start other.test any 9000"];
    let mut nobody = Orders::steps(&target.address(), &steps);
    nobody.keys.push_str("\ntls = { roots = [] }");
    assert_eq!(
        nobody.said().await[1],
        "TLSv1.2: its issuer is not among the trusted roots; there are no trusted roots at all on the \
         host's machine"
    );
}

#[tokio::test]
async fn a_server_without_the_key_of_its_certificate_is_never_believed() {
    let authority = Authority::new("Test Root");
    for opening in [Opening::Tls, Opening::Tls12] {
        let stolen = web(&authority, |_| {}).with_another_key();
        let target = TlsTarget::start(&stolen, opening);
        for verify in ["verify", "any"] {
            let start = format!("start web.test {verify} 9000");
            let said = Orders::steps(&target.address(), &["connect 9000", &start, "write x 9000"])
                .trusting(&authority)
                .said()
                .await;
            assert_eq!(
                said[1..],
                [
                    "failed: the server does not hold the key of the certificate that it shows",
                    "closed"
                ]
            );
        }
    }
}

#[tokio::test]
async fn a_plain_connection_becomes_tls_when_it_is_asked_to() {
    let authority = Authority::new("Test Root");
    let target = TlsTarget::start(&web(&authority, |_| {}), Opening::Plain);
    let settings = json!({ "name": "web.test", "upgrade": true });
    let check = Orders::connect(target.address(), &settings)
        .trusting(&authority)
        .run()
        .await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert_eq!(check["details"]["greeting"], "ready", "{check:#}");
    assert_eq!(check["details"]["echo"], "over TLS", "{check:#}");

    let steps = [
        "connect 9000",
        "read 64 9000",
        "write STARTTLS 9000",
        "read 64 9000",
        "start web.test verify 9000",
        "start web.test verify 9000",
        "write still_there 9000",
        "read 64 9000",
    ];
    let said = Orders::steps(&target.address(), &steps)
        .trusting(&authority)
        .said()
        .await;
    assert_eq!(
        said,
        [
            "connected",
            "ready ",
            "written",
            "go ",
            "TLSv1.3: trusted",
            "failed: the connection speaks TLS already",
            "written",
            "still there ",
        ]
    );
}

#[tokio::test]
async fn a_read_that_timed_out_can_be_tried_again_and_loses_nothing() {
    let (target, authority) = good();
    let steps = [
        "connect 9000",
        "start web.test verify 9000",
        "write later_700_abc 9000",
        "read 64 0",
        "read 64 50",
        // Byte by byte: how many come together is the network's to say.
        "read 1 9000",
        "read 1 9000",
        "read 1 9000",
        "read 1 9000",
        "read 0 9000",
        "read 64 10",
    ];
    let check = Orders::steps(&target.address(), &steps)
        .trusting(&authority)
        .run()
        .await;
    assert_eq!(
        said(&check)[3..],
        ["timeout", "timeout", "a", "b", "c", " ", "", "timeout"],
        "{check:#}"
    );
    // "At once" does not wait for what comes in 700 ms.
    let took = check["details"]["took"].as_array().expect("times");
    assert!(took[3].as_f64() < Some(0.6), "{check:#}");
}

#[tokio::test]
async fn an_end_in_order_is_told_from_a_connection_that_was_cut() {
    let (target, authority) = good();
    for (last, expected) in [("bye", ["", ""]), ("cut", ["closed", "closed"])] {
        let last = format!("write {last} 9000");
        let steps = [
            "connect 9000",
            "start web.test verify 9000",
            &last,
            "read 64 9000",
            "read 64 9000",
        ];
        let said = Orders::steps(&target.address(), &steps)
            .trusting(&authority)
            .said()
            .await;
        assert_eq!(said[3..], expected, "{last}");
    }
}

#[tokio::test]
async fn one_read_answers_with_a_bounded_piece() {
    let (target, authority) = good();
    let steps = [
        "connect 9000",
        "start web.test verify 9000",
        "write flood_3000000 9000",
        "read 1000000 1000",
        "read 4294967295 9000",
    ];
    let said = Orders::steps(&target.address(), &steps)
        .trusting(&authority)
        .said()
        .await;
    for answer in &said[3..] {
        let bytes = answer
            .strip_suffix(" bytes")
            .and_then(|count| count.parse().ok());
        assert!((1..=65_536).contains(&bytes.unwrap_or(0)), "{said:?}");
    }
}

#[tokio::test]
async fn a_write_that_timed_out_closes_the_connection() {
    // Nobody reads on the other side.
    let target = Target::start(Reply::Silence);
    let mut steps = vec!["connect 9000"];
    steps.extend(["fill 1000000 300"; 20]);
    steps.push("read 64 9000");
    let said = Orders::steps(&target.address(), &steps).said().await;
    let timeout = said.iter().position(|answer| answer == "timeout");
    let timeout = timeout.unwrap_or_else(|| panic!("it can't all have gone: {said:?}"));
    assert!(said[1..timeout].iter().all(|answer| answer == "written"));
    assert!(
        said[timeout + 1..].iter().all(|answer| answer == "closed"),
        "{said:?}"
    );
}

#[tokio::test]
async fn what_is_no_tls_is_said_in_words() {
    let alert = [21, 3, 3, 0, 2, 2, 40].to_vec();
    let garbage = vec![0xff; 64];
    let record = [&[22, 3, 3, 0, 4][..], &[99, 0, 0, 0]].concat();
    let http = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec();
    let cases = [
        (
            Reply::Bytes(http),
            "failed: the server does not speak TLS here: it began with `HTTP/1.1 400 Bad Request`",
        ),
        (
            Reply::Bytes(garbage),
            "failed: the server does not speak TLS here",
        ),
        (
            Reply::Bytes(alert),
            "failed: the server refused with the alert 40 (handshake failure); it may have no cipher \
             in common with the host, or want a certificate of the client",
        ),
        (
            Reply::Bytes(record),
            "failed: the server sent a message out of turn",
        ),
        (Reply::Bytes(Vec::new()), "closed"),
    ];
    for (reply, expected) in cases {
        let target = Target::start(reply);
        let steps = ["connect 9000", "start web.test any 9000", "read 64 9000"];
        let said = Orders::steps(&target.address(), &steps).said().await;
        assert_eq!(said, ["connected", expected, "closed"]);
    }
    let identity = web(&Authority::new("Test Root"), |_| {});
    let target = TlsTarget::start(&identity, Opening::HangUp);
    let steps = ["connect 9000", "start web.test any 9000"];
    let said = Orders::steps(&target.address(), &steps).said().await;
    assert_eq!(said[1], "closed");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_at_its_timeout_and_closes() {
    let tarpit = Target::start(Reply::Silence);
    let steps = [
        "connect 9000",
        "start web.test any 200",
        "start web.test any 200",
        "connect 9000",
        "start web.test any 0",
    ];
    let check = Orders::steps(&tarpit.address(), &steps).run().await;
    assert_eq!(
        said(&check),
        ["connected", "timeout", "closed", "connected", "timeout"],
        "{check:#}"
    );
    let latency = check["latency_ms"].as_f64().unwrap_or(f64::MAX);
    assert!(latency < 5000.0, "{check:#}");
}

#[tokio::test]
async fn a_handshake_that_drips_ends_at_its_timeout() {
    let authority = Authority::new("Test Root");
    let drip = Opening::Drip(Duration::from_millis(50));
    let target = TlsTarget::start(&web(&authority, |_| {}), drip);
    let steps = ["connect 9000", "start web.test verify 500"];
    let check = Orders::steps(&target.address(), &steps)
        .trusting(&authority)
        .run()
        .await;
    assert_eq!(said(&check), ["connected", "timeout"], "{check:#}");
    let latency = check["latency_ms"].as_f64().unwrap_or(f64::MAX);
    assert!((500.0..4000.0).contains(&latency), "{check:#}");
    // The server hears of it: its next bytes find nobody.
    eventually("the connection is closed", async || match target.open() {
        0 => Ok(()),
        open => Err(format!("{open} are open")),
    })
    .await;
}

#[tokio::test]
async fn a_timeout_beyond_the_run_is_the_runs_own_deadline() {
    let tarpit = Target::start(Reply::Silence);
    for waiting in [
        "start web.test verify 4294967295",
        "read 64 4294967295",
        "read 64 300000",
    ] {
        let started = Instant::now();
        let check = Orders::steps(&tarpit.address(), &["connect 9000", waiting])
            .keys("timeout = '400ms'")
            .run()
            .await;
        assert_eq!(check["error"]["code"], "timeout", "{waiting}: {check:#}");
        // The run waited; its plugin is not to blame.
        assert_eq!(
            message(&check),
            "timed out after 400ms (waiting for a reply or a timer)"
        );
        let latency = check["latency_ms"].as_f64().unwrap_or(f64::MAX);
        assert!((400.0..1400.0).contains(&latency), "{waiting}: {check:#}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
    let check = Orders::connect(tarpit.address(), &json!({ "name": "web.test" }))
        .keys("timeout = '1s'")
        .run()
        .await;
    assert_eq!(
        message(&check),
        format!(
            "cannot start TLS with {}: nothing within 900ms",
            tarpit.address()
        ),
        "the SDK keeps time for its answer: {check:#}"
    );
}

#[tokio::test]
async fn a_run_that_ends_in_a_handshake_leaves_nothing_open() {
    let authority = Authority::new("Test Root");
    let drip = Opening::Drip(Duration::from_millis(20));
    let target = TlsTarget::start(&web(&authority, |_| {}), drip);
    let mut steps = vec!["connect 9000"; 9];
    steps.push("start web.test verify 60000");
    let host = Orders::steps(&target.address(), &steps)
        .keys("timeout = '500ms'")
        .start()
        .await;
    let check = host.check("orders").await;
    assert_eq!(check["error"]["code"], "timeout", "{check:#}");
    assert_eq!(target.accepted(), 9);
    eventually("all connections are closed", async || match target.open() {
        0 => Ok(()),
        open => Err(format!("{open} are open")),
    })
    .await;
    host.stop().await;
}

#[tokio::test]
async fn a_chain_is_shown_and_held_within_bounds() {
    let authority = Authority::new("Test Root");
    let mut long = web(&authority, |_| {});
    let root = long.chain[1].clone();
    long.chain.extend(vec![root.clone(); 14]);
    let target = TlsTarget::start(&long, Opening::Tls);
    let steps = ["connect 9000", "start web.test verify 9000"];
    let check = Orders::steps(&target.address(), &steps)
        .trusting(&authority)
        .run()
        .await;
    assert_eq!(said(&check)[1], "TLSv1.3: trusted", "{check:#}");
    let chain = check["details"]["chain"].as_array().expect("a chain");
    assert_eq!(chain.len(), 16, "{check:#}");

    for (more, words) in [
        (
            1,
            "the server's certificate cannot be used: it came in a chain of 17 certificates, and the \
             host takes at most 16",
        ),
        (
            400,
            "the server's certificates are larger than the 64 KiB that the host takes",
        ),
    ] {
        long.chain.extend(vec![root.clone(); more]);
        let target = TlsTarget::start(&long, Opening::Tls);
        let said = Orders::steps(&target.address(), &steps)
            .trusting(&authority)
            .said()
            .await;
        assert_eq!(said[1], format!("failed: {words}"));
    }
}

#[tokio::test]
async fn a_certificate_beside_the_chain_that_cannot_be_read_is_known_by_its_hash() {
    let authority = Authority::new("Test Root");
    let mut identity = web(&authority, |_| {});
    identity.chain.push(b"no certificate".to_vec().into());
    let target = TlsTarget::start(&identity, Opening::Tls);
    let check = Orders::steps(
        &target.address(),
        &["connect 9000", "start web.test any 9000"],
    )
    .trusting(&authority)
    .run()
    .await;
    assert!(said(&check)[1].starts_with("TLSv1.3: "), "{check:#}");
    let last = &check["details"]["chain"][2];
    assert_eq!(
        (&last["subject"], &last["not_after"]),
        (&json!(""), &json!(0))
    );
    assert_eq!(last["sha256"].as_str().map(str::len), Some(64), "{check:#}");
}

#[tokio::test]
async fn what_is_not_granted_is_denied_and_says_what_to_write() {
    let [granted, other] = [Target::start(Reply::Silence), Target::start(Reply::Silence)];
    let reach = format!("reach 127.0.0.1 {} 9000", other.address().port());
    let steps = ["connect 9000", &reach, "reach db.internal 5432 9000"];
    let check = Orders::steps(&granted.address(), &steps).run().await;
    assert_eq!((granted.accepted(), other.accepted()), (1, 0));
    assert_eq!(said(&check)[0], "connected");
    assert_eq!(
        said(&check)[2],
        "denied: tls db.internal:5432 (add it to `allow.tls` of check `orders`)"
    );
    assert_snapshot!(refusals(&check), @r"
    denied: tls 127.0.0.1:<port> (add it to `allow.tls` of check `orders`)
    denied: tls db.internal:5432 (add it to `allow.tls` of check `orders`)
    ");
    assert_eq!(check["result"]["refusals"][0]["kind"], "tls");

    let keys = format!(
        "timeout = '20s'\nallow = {{ tcp = ['{0}'], http = ['http://{0}'], udp = ['{0}'] }}",
        other.address()
    );
    let said = Orders::steps(&granted.address(), &[&reach])
        .keys(&keys)
        .said()
        .await;
    assert!(
        said[0].starts_with("denied: tls 127.0.0.1"),
        "another kind gives nothing: {said:?}"
    );

    let keys = format!(
        "timeout = '20s'\nallow = {{ tls = ['{}'] }}",
        other.address()
    );
    let said = Orders::steps(&granted.address(), &[&reach])
        .keys(&keys)
        .said()
        .await;
    assert_eq!(said, ["connected"]);
}

#[tokio::test]
async fn wildcards_and_networks_grant_what_they_say() {
    let target = Target::start(Reply::Silence);
    let port = target.address().port();
    let reach = |host: &str| format!("reach {host} {port} 9000");
    let steps = [
        reach("127.0.0.1"),
        reach("localhost"),
        // Granted as a name, and leads to this machine's own services.
        reach("a.localhost"),
        reach("b.shop.test"),
        reach("shop.test"),
    ];
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let keys = format!(
        "timeout = '20s'\n\
         allow = {{ tls = ['127.0.0.0/8:{port}', '*.localhost:{port}', '*.shop.test:{port}'] }}"
    );
    let check = Orders::steps(&"192.0.2.1:1", &steps)
        .keys(&keys)
        .run()
        .await;
    let said = said(&check);
    assert_eq!(said[0], "connected", "{check:#}");
    assert!(
        said[1].starts_with("denied: tls localhost:"),
        "a network grants no name: {said:?}"
    );
    assert!(
        !said[2].starts_with("denied: tls a.localhost:"),
        "the name itself is covered: {said:?}"
    );
    assert!(
        said[3].starts_with("failed: cannot look up the host: "),
        "{said:?}"
    );
    assert!(said[4].starts_with("denied: tls shop.test:"), "{said:?}");
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_denied_unless_it_is_localhost() {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut names = hosts
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .filter(|line| line.starts_with("127.") || line.starts_with("::1"))
        .flat_map(|line| line.split_whitespace().skip(1));
    let name = names.find(|name| *name != "localhost").expect(
        "/etc/hosts has a second name of 127.0.0.1 or ::1, as `127.0.0.1 localhost loopback`",
    );
    let target = Target::start(Reply::Silence);
    let port = target.address().port();
    let check = Orders::steps(&format!("{name}:{port}"), &["connect 9000"])
        .run()
        .await;
    // The operator hears where to; the guest may not look the name up.
    assert_eq!(
        said(&check)[0],
        format!(
            "denied: tls {name}:{port}, which leads out of what is granted (the refusals of the \
             check say where to)"
        )
    );
    let refusals = refusals(&check);
    assert!(
        refusals.contains(&format!(", where {name} leads")),
        "{refusals}"
    );
    assert_eq!(target.accepted(), 0);

    let said = Orders::steps(&format!("localhost:{port}"), &["connect 9000"])
        .said()
        .await;
    assert_eq!(said, ["connected"]);
}

#[tokio::test]
async fn connections_count_and_names_that_are_none_are_refused() {
    let target = Target::start(Reply::Silence);
    let steps = ["connect 9000", "drop", "connect 9000", "connect 9000"];
    let said = Orders::steps(&target.address(), &steps)
        .keys("timeout = '20s'\nlimits = { connections = 2 }")
        .said()
        .await;
    assert_eq!(
        said,
        [
            "connected",
            "dropped",
            "connected",
            "failed: the run has opened as many connections as its `limits.connections` allow",
        ]
    );
    assert_eq!(target.accepted(), 2);

    let steps = [
        "reach a/b 443 9000",
        "reach example.com 0 9000",
        "connect 9000",
        "start a/b any 9000",
        "start * any 9000",
    ];
    let said = Orders::steps(&target.address(), &steps).said().await;
    assert_eq!(
        said,
        [
            "failed: `a/b` cannot be used: its host is not a valid name",
            "failed: `example.com:0` cannot be used: its port is not a number from 1 to 65535",
            "connected",
            "failed: `a/b` cannot be used: its host is not a valid name",
            "failed: `*` cannot be used: its host is not a valid name",
        ]
    );

    let closed = Target::start(Reply::Silence).stop();
    let said = Orders::steps(&closed, &["connect 9000"]).said().await;
    assert_eq!(said, ["failed: connection refused"]);
}
