//! TLS by the host, for plugins: what is granted, what is trusted, and that nothing a server does costs
//! more than the run's own time.

mod grants;
mod handshakes;
mod streams;
mod trust;

use std::net::SocketAddr;
use std::path::Path;

use rcgen::{CertificateParams, DnType, SerialNumber, date_time_ymd};
use serde_json::{Value, json};
use vitals_tests::guests::Guest;
use vitals_tests::{Authority, Identity, Opening, TestHost, TlsTarget, guests};

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
    let said = check["details"]["results"].as_array();
    let said = said.unwrap_or_else(|| panic!("it did no steps: {check:#}"));
    said.iter()
        .map(|answer| answer.as_str().unwrap_or_default().to_owned())
        .collect()
}

fn message(check: &Value) -> &str {
    check["message"].as_str().unwrap_or_default()
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
