//! The command line: what it prints and its exit status.

mod bench;

use std::fmt::Write as _;
use std::fs;

use insta::assert_snapshot;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use vitals_tests::guests::{self, HELLO, HTTP};
use vitals_tests::{Finished, Reply, Target, TestHost, Vitals};

/// `vitals check plugins/http.wasm` against a URL.
fn check_http(url: &str, format: &str) -> Vitals {
    let settings = format!(r#"{{"url":"{url}"}}"#);
    let more = ["--settings", &settings, "--format", format];
    Vitals::new(["check", "plugins/http.wasm"].into_iter().chain(more)).guests([HTTP])
}

/// Output in JSON, with zeros for the numbers that differ from run to run.
fn json(ended: &Finished) -> Value {
    let untidy = ended.stdout.replace("<varies>", "0").replace("<ms>", "0");
    serde_json::from_str(&untidy).expect("JSON")
}

#[test]
fn check_of_a_stopped_server_exits_2_and_names_the_refused_connection() {
    let url = format!("http://{}/health", Target::start(Reply::ok("")).stop());
    let check = |format: &str| check_http(&url, format).exits(2);
    let ended = check("text");
    assert!(ended.stdout.contains("connection refused"), "{ended}");
    assert_snapshot!("check_refused_text", ended);
    assert_snapshot!("check_refused_nagios", check("nagios"));
    assert_snapshot!("check_refused_json", check("json"));
}

#[test]
fn check_of_a_running_server_exits_0() {
    let target = Target::start(Reply::ok("fine"));
    let check = |page: &str, format: &str| check_http(&target.url(page), format).exits(0);
    assert_snapshot!("check_running_text", check("/health", "text"));
    assert_snapshot!("check_running_nagios", check("/", "nagios"));
    assert!(json(&check("/", "json")).is_object());
}

#[test]
fn performance_data_has_the_bounds_of_the_measurements() {
    let check = Vitals::new(["check", "plugins/measure.wasm", "--format", "nagios"]);
    assert_snapshot!(check.guests([guests::MEASURE]).exits(0).stdout);
}

#[test]
fn the_exit_status_is_that_of_the_check() {
    for (settings, status) in [
        (r#"{"status":"healthy"}"#, 0),
        (r#"{"status":"degraded"}"#, 1),
        (r#"{"status":"unhealthy"}"#, 2),
        (r#"{"fail":"panic"}"#, 2),
    ] {
        let check = Vitals::new(["check", "plugins/status.wasm", "--settings", settings]);
        check.guests([guests::STATUS]).exits(status);
    }
}

#[test]
fn a_check_of_the_configuration_runs_as_it_is_configured() {
    let config =
        "[checks.orders]\nplugin = 'settings'\nconfig = { name = 'orders', token = '${TOKEN}' }";
    let vitals = Vitals::new(["check", "orders"])
        .config(config)
        .env("TOKEN", "hunter2-secret");
    assert_snapshot!(vitals.guests([guests::SETTINGS]).run());
    let check = Vitals::new(["check", "module:hello"]);
    check.guests([HELLO]).exits(0);
}

#[test]
fn the_command_line_grants_what_a_file_may_reach() {
    let target = Target::start(Reply::Silence);
    let other = Target::start(Reply::Silence);
    let settings = format!(
        r#"{{"address":"{}","others":["{}"]}}"#,
        target.address(),
        other.address()
    );
    let allow = format!("tcp={}", other.address());
    let check = |more: &[&str]| {
        let arguments = [
            &["check", "plugins/tcp-connect.wasm", "--settings", &settings],
            more,
        ]
        .concat();
        Vitals::new(arguments).guests([guests::TCP_CONNECT])
    };
    let ended = check(&[]).run();
    assert!(ended.stdout.contains("denied: tcp"), "{ended}");
    let ended = check(&["--allow", &allow]).run();
    assert!(!ended.stdout.contains("denied"), "{ended}");
    assert_eq!(other.accepted(), 1);
    assert_snapshot!(check(&["--allow", "ftp=there"]).exits(3).stderr);
}

#[test]
fn a_check_that_cannot_be_run_exits_3() {
    let hello = |arguments: &[&str]| Vitals::new(arguments.to_vec()).guests([HELLO]);
    let mut all = String::new();
    for vitals in [
        hello(&["check", "nothing"]),
        hello(&["check", "nothing", "--format", "nagios"]),
        hello(&["check", "nowhere.wasm"]),
        hello(&["check", "plugins/hello.wasm", "--settings", "{"]),
        hello(&["check", "plugins/hello.wasm", "--settings", r#"{"a":1}"#]),
        hello(&["check", "plugins/bad.wasm"]).plugin("bad", b"garbage"),
        hello(&["check", "module:hello"]).config("[server]\nlisten = 1"),
        hello(&["check", "off"]).config("[checks.off]\nplugin = 'hello'\nenabled = false"),
        hello(&["check", "module:hello", "--settings", r#"{"a":1}"#]),
    ] {
        all.push_str(&vitals.exits(3).to_string());
    }
    assert_snapshot!(all);
}

#[test]
fn validate_reports_the_errors_that_serve_would() {
    let config = "[checks.web]\nplugin = 'http'\nconfig = { url = 'https://api.example.com/health' }\n\
                  [checks.hello]\nplugin = 'hello'";
    let validate = |config: &str| {
        let vitals = Vitals::new(["validate"]).config(config);
        vitals.guests([HTTP, HELLO])
    };
    let ended = validate(config).guests([guests::WANTS_CONFIG]).exits(0);
    assert_snapshot!("validate_fine", ended);

    let config = "[checks.web]\nplugin = 'http'\nconfig = { uri = 'https://api.example.com/health' }\n\
                  [checks.gone]\nplugin = 'gone'\n[checks.hello]\nplugin = 'hello'";
    let ended = validate(config).plugin("bad", b"garbage").exits(2);
    assert_snapshot!("validate_wrong", ended);
    Vitals::new(["validate"]).config("[serve]").exits(2);
}

#[test]
fn validate_reports_identities_that_cannot_be_used() {
    let config = "[tls.identities.shop]\ncertificate = 'none.pem'\nkey = 'none.pem'";
    let ended = Vitals::new(["validate"]).config(config).exits(2);
    let error = "`[tls.identities.shop]` cannot be used: its `certificate` none.pem cannot be read";
    assert!(ended.stderr.contains(error), "{ended}");
}

#[test]
fn validate_names_the_check_even_if_a_path_reads_like_one() {
    let config = "[plugins]\nlibrary = 'check `late`'\n[checks.late]\nplugin = 'bad'";
    let vitals = Vitals::new(["validate"]).config(config);
    let library = vitals.place().path().join("check `late`");
    fs::create_dir(library).unwrap();
    vitals.place().write("check `late`/bad.wasm", b"garbage");
    let ended = vitals.exits(2);
    let named = "check `late`: cannot load plugin `bad` from check `late`/bad.wasm";
    assert!(ended.stderr.contains(named), "{ended}");
}

#[test]
fn inspect_describes_a_file() {
    let ended = Vitals::new(["inspect", "plugins/tcp.wasm"]);
    assert_snapshot!(ended.guests([guests::TCP]).exits(0).stdout);
    let arguments = ["inspect", "plugins/hello.wasm", "--format", "json"];
    let json = json(&Vitals::new(arguments).guests([HELLO]).exits(0));
    assert_eq!(
        (&json["code"], &json["contract"]),
        (&"hello".into(), &"vitals:health@0.1.0".into())
    );
    let bad = Vitals::new(["inspect", "plugins/bad.wasm"]).plugin("bad", b"garbage");
    assert_snapshot!("inspect_bad", bad.exits(1).stderr);
}

#[tokio::test]
async fn probe_requests_a_page() {
    let config = "[checks.down]\nplugin = 'status'\nconfig = { status = 'unhealthy' }";
    let host = TestHost::start(config, [guests::STATUS]).await;
    host.health().await;
    let probe = async |page: &str| {
        let url = format!("http://{}{page}", host.address());
        // Beside the host, which responds on this thread.
        let run = tokio::task::spawn_blocking(move || Vitals::new(["probe", &url]).run());
        run.await.expect("no panic")
    };
    let mut all = Vec::new();
    for page in ["/health/live", "/health/ready", "/nowhere"] {
        all.push(probe(page).await);
    }
    host.stop().await;
    let stopped = format!("http://{}/", Target::start(Reply::ok("")).stop());
    all.push(Vitals::new(["probe", &stopped]).run());
    let silent = Target::start(Reply::Silence);
    all.push(Vitals::new(["probe", "--timeout", "1", &silent.url("/")]).run());
    all.push(Vitals::new(["probe", "nowhere"]).run());
    let all: String = all.iter().map(Finished::to_string).collect();
    assert_snapshot!(all);
}

#[test]
fn help_describes_every_command() {
    let commands = [
        "", "serve", "check", "validate", "inspect", "new", "plugins", "reload", "probe", "schema",
    ];
    let all = commands.map(|command| {
        let words = [command, "--help"];
        let words = words.into_iter().filter(|word| !word.is_empty());
        Vitals::new(words).exits(0).stdout
    });
    assert_snapshot!(all.join("\n----\n\n"));
    let version = Vitals::new(["--version"]).run().stdout;
    assert_eq!(version, format!("vitals {}\n", env!("CARGO_PKG_VERSION")));
    Vitals::new(["dance"]).exits(2);
}

#[tokio::test]
async fn the_address_of_the_command_line_overrides_environment_and_file() {
    let vitals = Vitals::host("[server]\nlisten = '192.0.2.1:1'", [HELLO]);
    let serving = vitals.env("VITALS_LISTEN", "192.0.2.2:2").serve().await;
    let health = serving.get("/health").await.expect("an answer").json();
    assert_eq!(
        health["checks"][0]["name"], "module:hello",
        "the directory is ./plugins"
    );
}

#[tokio::test]
async fn a_closed_port_is_never_healthy() {
    // It was once, in four of ten runs.
    let closed = Target::start(Reply::ok("")).stop();
    let mut config = String::new();
    for number in 0..40 {
        let _ = writeln!(
            config,
            "[checks.c{number}]\nplugin = 'tcp'\nconfig = {{ address = '{closed}' }}"
        );
    }
    let host = TestHost::start(&config, [guests::TCP]).await;
    let health = host.health().await;
    for check in health["checks"].as_array().expect("checks") {
        assert_eq!(check["status"], "unhealthy", "{check:#}");
        let message = check["message"].as_str().unwrap_or_default();
        assert!(message.contains("refused"), "{check:#}");
    }
}

#[tokio::test]
async fn serve_raises_its_limit_of_descriptors() {
    let before = getrlimit(Resource::Nofile);
    let fewer = Rlimit {
        current: before.maximum.map(|maximum| maximum - 1),
        ..before
    };
    // The child inherits the limit that this process has when it is started.
    setrlimit(Resource::Nofile, fewer).expect("a limit can be lowered");
    let serving = Vitals::host("", []).serve().await;
    setrlimit(Resource::Nofile, before).expect("and raised again");
    let (has, could_have) = serving.descriptors();
    assert_eq!(has, could_have);
}

#[tokio::test]
async fn commands_use_plain_http_without_any_trusted_roots() {
    let token = |vitals: Vitals| vitals.env("VITALS_ADMIN_TOKEN", "token-of-the-test");
    let serving = token(Vitals::host("", [])).serve().await;
    let url = format!("http://{}", serving.address());
    let page = format!("{url}/health/live");
    for arguments in [vec!["probe", &page], vec!["reload", "--url", &url]] {
        let command = Vitals::new(arguments).env("SSL_CERT_FILE", "/nowhere");
        token(command).exits(0);
    }
}

#[tokio::test]
async fn an_endless_response_is_read_up_to_a_limit() {
    let endless = Target::start(Reply::Endless);
    Vitals::new(["probe", "--timeout", "60", &endless.url("/")]).exits(0);
    for command in ["plugins", "reload"] {
        let vitals = Vitals::new([command, "--url", &endless.url("")]);
        let ended = vitals
            .env("VITALS_ADMIN_TOKEN", "token-of-the-test")
            .exits(3);
        let is_no_page = ended.stderr.contains("as one of a vitals host");
        assert!(is_no_page, "{command}: {ended}");
    }
}
