//! Guests in script languages, which use more of the contract and the engine than guests in Rust.

pub(crate) mod https;

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;
use vitals_tests::guests::{self, Guest};
use vitals_tests::{Reply, Target, TestHost, TestHostBuilder};

use self::https::HttpsServer;

/// A host with the default limits, on which all of them run: JavaScript with both of its engines.
async fn host() -> TestHost {
    let config = "[defaults]\ninterval = '1s'\ntimeout = '1s'\n\
                  [checks.certificate]\nplugin = 'expiry'\nconfig = { expires = '2999-12-31' }\n\
                  [checks.licence]\nplugin = 'expiry'\nconfig = { expires = '2001-01-01T12:00:00Z' }\n\
                  [checks.domain]\nplugin = 'expiry'\nconfig = { expires = 'soon' }\n\
";
    let mut builder = TestHost::builder()
        .config(SLOW_TO_COMPILE)
        .config(config)
        .plugin("expiry", guests::PYTHON_EXPIRY);
    for (engine, guest) in ENGINES {
        builder = builder.plugin(engine, guest).config(&format!(
            "[checks.disk-{engine}]\nplugin = '{engine}'\nconfig = {{ used = 85 }}\n\
             [checks.inodes-{engine}]\nplugin = '{engine}'\nconfig = {{ used = 99, total = 100 }}\n\
             [checks.wrong-{engine}]\nplugin = '{engine}'\n\
             config = {{ degraded_above = 0.9, unhealthy_above = 0.5 }}"
        ));
    }
    builder.start().await
}

#[tokio::test]
async fn checks_in_python_and_javascript_run_under_the_default_limits() {
    let _alone = COMPILING.lock().await;
    let started = UNIX_EPOCH.elapsed().expect("the clock is set");
    let host = host().await;
    let certificate = host.check("certificate").await;
    assert_eq!(certificate["status"], "healthy", "{certificate:#}");
    assert_eq!(certificate["message"], "valid until 2999-12-31");
    assert_eq!(
        certificate["details"]["expires"],
        "2999-12-31T00:00:00+00:00"
    );
    assert_eq!(certificate["details"]["expired"], false);
    assert!(
        certificate["details"]["days_left"].as_i64() > Some(300_000),
        "{certificate:#}"
    );
    let time = &certificate["result"]["measurements"][0];
    assert_eq!(
        (&time["name"], &time["unit"]),
        (&json!("time_left"), &json!("seconds"))
    );
    let degraded = json!({ "below": 2_592_000.0 });
    assert_eq!(time["degraded_at"], degraded, "{certificate:#}");

    let licence = host.check("licence").await;
    assert_eq!(
        (&licence["status"], &licence["message"]),
        (&json!("unhealthy"), &json!("expired on 2001-01-01"))
    );
    let domain = host.check("domain").await;
    assert_eq!(domain["status"], "unhealthy", "{domain:#}");
    let message = domain["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("cannot read `expires`: "), "{domain:#}");
    assert!(domain.get("error").is_none(), "it trapped: {domain:#}");

    for (engine, _) in ENGINES {
        let name = format!("disk-{engine}");
        let disk = host.check(&name).await;
        assert_eq!(
            (&disk["status"], &disk["message"]),
            (&json!("degraded"), &json!("85 % used")),
            "{disk:#}"
        );
        let quota = json!({ "used": 85, "total": 100 });
        assert_eq!(disk["details"]["quota"], quota, "{disk:#}");
        // A component can have the time of its build.
        let now = disk["details"]["now"].as_u64().unwrap_or_default();
        assert!(Duration::from_secs(now + 1) >= started, "{disk:#}");
        let measurement = &disk["result"]["measurements"][0];
        assert_eq!(measurement["unhealthy_at"], json!({ "above": 0.95 }));
        let inodes = host.check(&format!("inodes-{engine}")).await;
        assert_eq!(inodes["status"], "unhealthy", "{inodes:#}");
        let wrong = host.check(&format!("wrong-{engine}")).await;
        assert_eq!(
            wrong["message"], "degraded_above (0.9) is greater than unhealthy_above (0.5)",
            "{wrong:#}"
        );
        let is_so = |check: &Value| check["details"]["previous"] == "degraded";
        host.eventually_check(&name, "it gets the previous result", is_so)
            .await;
    }
    let is_so = |check: &Value| check["details"]["previous"] == "healthy";
    host.eventually_check("certificate", "it gets the previous result", is_so)
        .await;
}

#[tokio::test]
async fn script_guests_without_the_settings_they_need_are_idle() {
    let _alone = COMPILING.lock().await;
    let builder = TestHost::builder().config(SLOW_TO_COMPILE);
    let builder = builder.plugin("expiry", guests::PYTHON_EXPIRY);
    let host = builder.plugin("quota", guests::JS_QUOTA).start().await;
    let health = host.health().await;
    let count = health["checks"].as_array().map(Vec::len);
    assert_eq!(count, Some(1), "{health:#}");
    assert_eq!(health["checks"][0]["name"], "module:quota");
    assert_eq!(host.plugin("expiry").await["state"], "idle");
}

#[tokio::test]
async fn javascript_is_reloaded_from_one_engine_to_the_other() {
    let _alone = COMPILING.lock().await;
    let mut builder = TestHost::builder().config(SLOW_TO_COMPILE).config(
        "[defaults]\ninterval = '1s'\ntimeout = '1s'\n\
         [checks.disk]\nplugin = 'disk'\nconfig = { used = 85 }",
    );
    // All are compiled before the first response.
    for (engine, guest) in ENGINES {
        builder = builder.plugin(engine, guest);
    }
    let [(_, small), (_, large)] = ENGINES;
    let host = builder.plugin("disk", small).start().await;
    assert_eq!(host.check("disk").await["status"], "degraded");
    for (generation, guest) in [(2, large), (3, small)] {
        host.drop_in("disk", guest);
        let is_so = |check: &Value| check["plugin"]["generation"] == generation;
        let check = host.eventually_check("disk", "the next generation", is_so);
        let check = check.await;
        assert_eq!(check["status"], "degraded", "{check:#}");
        assert_eq!(check["message"], "85 % used", "{check:#}");
    }
}

#[tokio::test]
async fn checks_in_python_and_javascript_make_https_requests_by_the_contract() {
    let _alone = COMPILING.lock().await;
    let server = HttpsServer::start(&[("/status", STATUS)]);
    let url = server.url("/status");
    let trusts = format!("tls.roots = ['{}']", server.roots().display());
    let mut requests = Requests::new();
    for (language, _) in LANGUAGES {
        requests.add("trusted", language, &format!("url = '{url}'"), &trusts);
        let options = format!("url = '{url}', by = 'contract with options'");
        requests.add("options", language, &options, &trusts);
        requests.add("untrusted", language, &format!("url = '{url}'"), "");
        let ungranted = format!("ungranted_url = '{url}'");
        requests.add("denied", language, &ungranted, &trusts);
    }
    let host = requests.start().await;
    for (language, _) in LANGUAGES {
        for name in ["trusted", "options"] {
            let check = host.check(&format!("{name}-{language}")).await;
            assert_eq!(check["status"], "healthy", "{check:#}");
        }
        let denial = format!(
            "denied: http {} (add it to `allow.http` of check `denied-{language}`)",
            server.url("")
        );
        for (name, expected) in [
            ("untrusted", "the certificate of 127.0.0.1 is not trusted: "),
            ("denied", &denial),
        ] {
            let check = host.check(&format!("{name}-{language}")).await;
            let message = check["message"].as_str().unwrap_or_default();
            assert!(message.contains(expected), "{check:#}");
        }
    }
    assert_eq!(with_token(&server.requests()), 2 * LANGUAGES.len());
}

#[tokio::test]
async fn checks_in_python_and_javascript_read_files_by_the_contract() {
    let _alone = COMPILING.lock().await;
    let mut requests = Requests::new();
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("status");
    std::fs::write(&file, STATUS).expect("it can be written");
    for (language, _) in LANGUAGES {
        requests.add(
            "file",
            language,
            &format!("file = '{}'", file.display()),
            "",
        );
        requests.add("missing", language, "file = '/nowhere'", "");
        requests.add("secret", language, "file = '/proc/1/environ'", "");
    }
    let host = requests.start().await;
    for (language, _) in LANGUAGES {
        let check = host.check(&format!("file-{language}")).await;
        assert_eq!(check["status"], "healthy", "{check:#}");
        if language != "python" {
            let modified = check["details"]["modified"].as_i64();
            assert!(modified > Some(1_700_000_000), "{check:#}");
        }
        for (name, js, python) in [
            ("missing", "not-found: ", "FileError_NotFound: "),
            ("secret", "failed: it shows ", "FileError_Failed: it shows "),
        ] {
            let expected = if language == "python" { python } else { js };
            let check = host.check(&format!("{name}-{language}")).await;
            let message = check["message"].as_str().unwrap_or_default();
            assert!(message.contains(expected), "{check:#}");
        }
    }
}

#[tokio::test]
async fn checks_in_python_and_javascript_make_requests_in_the_way_of_their_language() {
    let _alone = COMPILING.lock().await;
    let server = HttpsServer::start(&[("/status", STATUS)]);
    let plain = Target::start(Reply::ok(STATUS));
    let port = plain.address().port();
    let url = server.url("/status");
    let fetch = format!("url = '{url}', by = 'fetch'");
    let trusts = format!("tls.roots = ['{}']", server.roots().display());
    let mut requests = Requests::new();
    for (engine, _) in ENGINES {
        requests.add("fetch", engine, &fetch, &trusts);
    }
    let denied = fetch.replace("url =", "ungranted_url =");
    requests.add("denied", "starlingmonkey", &denied, &trusts);
    for by in ["urllib", "socket"] {
        let config = format!("ungranted_url = 'http://localhost:{port}/status', by = '{by}'");
        let allow = format!("allow = {{ tcp = ['localhost:{port}'], names = ['localhost'] }}");
        requests.add(by, "python", &config, &allow);
    }
    requests.add(
        "tls",
        "python",
        &format!("url = '{url}', by = 'urllib'"),
        "",
    );
    let host = requests.start().await;
    for name in ["fetch-starlingmonkey", "urllib-python", "socket-python"] {
        let check = host.check(name).await;
        assert_eq!(check["status"], "healthy", "{check:#}");
    }
    let denied = "denied: http https://127.0.0.1:";
    for (name, text, expected) in [
        ("fetch-quickjs", "/message", "QuickJS has no `fetch`"),
        // The message of the engine does not say why.
        ("denied-starlingmonkey", "/message", "NetworkError"),
        ("denied-starlingmonkey", "/error/message", denied),
        ("tls-python", "/message", "unknown url type: https"),
    ] {
        let check = host.check(name).await;
        assert_eq!(check["status"], "unhealthy", "{check:#}");
        let text = check.pointer(text).and_then(Value::as_str);
        assert!(text.is_some_and(|it| it.contains(expected)), "{check:#}");
    }
    assert_eq!(with_token(&server.requests()), 1);
    assert_eq!(with_token(&plain.requests()), 2);
}

/// How many requests have the token of [`Requests`].
fn with_token(heads: &[String]) -> usize {
    let lines = heads.iter().flat_map(|head| head.lines());
    let is_token = |line: &&str| line.eq_ignore_ascii_case("authorization: bearer let-me-in");
    lines.filter(is_token).count()
}

/// A host with one check for each request of a guest.
struct Requests(String);

impl Requests {
    fn new() -> Self {
        Self("[defaults]\ninterval = '1h'\ntimeout = '20s'\n".to_owned())
    }

    /// Adds the check `<name>-<language>`, with these settings and a token, and other keys.
    fn add(&mut self, name: &str, language: &str, settings: &str, keys: &str) {
        let check = format!(
            "[checks.{name}-{language}]\nplugin = '{language}'\n\
             config = {{ {settings}, token = 'let-me-in' }}\n{keys}\n"
        );
        self.0.push_str(&check);
    }

    async fn start(self) -> TestHost {
        let builder = TestHost::builder().config(SLOW_TO_COMPILE).config(&self.0);
        let put = |builder: TestHostBuilder, (language, guest)| builder.library(language, guest);
        LANGUAGES.into_iter().fold(builder, put).start().await
    }
}

/// What the servers say, for each of the guests.
const STATUS: &str = r#"{ "used": 50, "expires": "2999-12-31" }"#;
/// All languages, by the names of their plugins.
const LANGUAGES: [(&str, Guest); 3] = [ENGINES[0], ENGINES[1], ("python", guests::PYTHON_EXPIRY)];
/// The same check with each engine of JavaScript: of 1.6 MB, and of 13.
const ENGINES: [(&str, Guest); 2] = [
    ("quickjs", guests::JS_QUOTA),
    ("starlingmonkey", guests::JS_QUOTA_STARLINGMONKEY),
];
/// Compiling a component of 18 MB takes a while.
const SLOW_TO_COMPILE: &str = "[server]\nstartup_grace = '5m'";
/// Held by one test at a time, so that the next one finds the code in the cache.
static COMPILING: Mutex<()> = Mutex::const_new(());
