//! The command line: what it prints and which exit status it ends in.

mod bench;

use std::fmt::Write as _;
use std::fs;

use insta::assert_snapshot;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use vitals_tests::{Finished, Reply, Target, TestHost, Vitals, guests};

/// What a command printed and how it ended.
fn shown(ended: &Finished) -> String {
    let mut text = format!("exit status {:?}\n", ended.status);
    for (name, stream) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
        if !stream.is_empty() {
            let _ = write!(text, "{name}:\n{stream}");
        }
    }
    text
}

/// `vitals check plugins/http.wasm` against a URL.
fn check_http(url: &str, format: &str) -> Finished {
    let settings = format!(r#"{{"url":"{url}"}}"#);
    let arguments = [
        "check",
        "plugins/http.wasm",
        "--settings",
        &settings,
        "--format",
        format,
    ];
    Vitals::new(arguments).plugin("http", guests::HTTP).run()
}

#[test]
fn check_of_a_stopped_server_exits_2_and_names_the_refused_connection() {
    let url = format!("http://{}/health", Target::start(Reply::ok("")).stop());
    let ended = check_http(&url, "text");
    assert_eq!(ended.status, Some(2), "{}", shown(&ended));
    assert!(
        ended.stdout.contains("connection refused"),
        "{}",
        shown(&ended)
    );
    assert_snapshot!("check_refused_text", shown(&ended));
    assert_snapshot!("check_refused_nagios", shown(&check_http(&url, "nagios")));
    assert_snapshot!("check_refused_json", shown(&check_http(&url, "json")));
}

#[test]
fn check_of_a_running_server_exits_0() {
    let target = Target::start(Reply::ok("fine"));
    let ended = check_http(&target.url("/health"), "text");
    assert_eq!(ended.status, Some(0), "{}", shown(&ended));
    assert_snapshot!("check_running_text", shown(&ended));
    assert_snapshot!(
        "check_running_nagios",
        shown(&check_http(&target.url("/"), "nagios"))
    );
    let json = check_http(&target.url("/"), "json");
    serde_json::from_str::<Value>(&json.stdout.replace("<ms>", "0").replace("<varies>", "0"))
        .expect("JSON");
}

#[test]
fn performance_data_has_the_bounds_of_the_measurements() {
    let ended = Vitals::new(["check", "plugins/measure.wasm", "--format", "nagios"]);
    let ended = ended.plugin("measure", guests::MEASURE).run();
    assert_eq!(ended.status, Some(0), "{}", shown(&ended));
    assert_snapshot!(ended.stdout);
}

#[test]
fn the_exit_status_is_that_of_the_check() {
    for (settings, status) in [
        (r#"{"status":"healthy"}"#, 0),
        (r#"{"status":"degraded"}"#, 1),
        (r#"{"status":"unhealthy"}"#, 2),
        (r#"{"fail":"panic"}"#, 2),
    ] {
        let vitals = Vitals::new(["check", "plugins/status.wasm", "--settings", settings]);
        let ended = vitals.plugin("status", guests::STATUS).run();
        assert_eq!(ended.status, Some(status), "{settings}: {}", shown(&ended));
    }
}

#[test]
fn a_check_of_the_configuration_runs_as_it_is_configured() {
    let config =
        "[checks.orders]\nplugin = 'settings'\nconfig = { name = 'orders', token = '${TOKEN}' }";
    let vitals = Vitals::new(["check", "orders"])
        .config(config)
        .env("TOKEN", "hunter2-secret");
    let ended = vitals.plugin("settings", guests::SETTINGS).run();
    assert_snapshot!(shown(&ended));
    let ended = Vitals::new(["check", "module:hello"])
        .plugin("hello", guests::HELLO)
        .run();
    assert_eq!(ended.status, Some(0), "{}", shown(&ended));
}

#[test]
fn what_a_file_may_reach_is_said_on_the_command_line() {
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
        Vitals::new(arguments)
            .plugin("tcp-connect", guests::TCP_CONNECT)
            .run()
    };
    let ended = check(&[]);
    assert!(ended.stdout.contains("denied: tcp"), "{}", shown(&ended));
    let ended = check(&["--allow", &allow]);
    assert!(!ended.stdout.contains("denied"), "{}", shown(&ended));
    assert_eq!(other.accepted(), 1);
    let ended = check(&["--allow", "ftp=there"]);
    assert_eq!(ended.status, Some(3), "{}", shown(&ended));
    assert_snapshot!(ended.stderr);
}

#[test]
fn what_could_not_be_run_at_all_exits_3() {
    let hello = |arguments: &[&str]| Vitals::new(arguments.to_vec()).plugin("hello", guests::HELLO);
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
        let ended = vitals.run();
        assert_eq!(ended.status, Some(3), "{}", shown(&ended));
        all.push_str(&shown(&ended));
    }
    assert_snapshot!(all);
}

#[test]
fn validate_says_what_serve_would_complain_of() {
    let config = "[checks.web]\nplugin = 'http'\nconfig = { url = 'https://api.example.com/health' }\n\
                  [checks.hello]\nplugin = 'hello'";
    let vitals = Vitals::new(["validate"])
        .config(config)
        .plugin("http", guests::HTTP);
    let vitals = vitals
        .plugin("hello", guests::HELLO)
        .plugin("wants-config", guests::WANTS_CONFIG);
    let ended = vitals.run();
    assert_eq!(ended.status, Some(0), "{}", shown(&ended));
    assert_snapshot!("validate_fine", shown(&ended));

    let config = "[checks.web]\nplugin = 'http'\nconfig = { uri = 'https://api.example.com/health' }\n\
                  [checks.gone]\nplugin = 'gone'\n[checks.hello]\nplugin = 'hello'";
    let vitals = Vitals::new(["validate"])
        .config(config)
        .plugin("http", guests::HTTP);
    let ended = vitals
        .plugin("hello", guests::HELLO)
        .plugin("bad", b"garbage")
        .run();
    assert_eq!(ended.status, Some(2), "{}", shown(&ended));
    assert_snapshot!("validate_wrong", shown(&ended));

    let ended = Vitals::new(["validate"]).config("[serve]").run();
    assert_eq!(ended.status, Some(2), "{}", shown(&ended));
}

#[test]
fn validate_names_the_check_also_where_a_path_reads_like_one() {
    let config = "[plugins]\nlibrary = 'check `late`'\n[checks.late]\nplugin = 'bad'";
    let vitals = Vitals::new(["validate"]).config(config);
    let library = vitals.place().path().join("check `late`");
    fs::create_dir(library).unwrap();
    vitals.place().write("check `late`/bad.wasm", b"garbage");
    let ended = vitals.run();
    assert_eq!(ended.status, Some(2), "{}", shown(&ended));
    let named = "check `late`: cannot load plugin `bad` from check `late`/bad.wasm";
    assert!(ended.stderr.contains(named), "{}", shown(&ended));
}

#[test]
fn inspect_says_what_a_file_is() {
    let ended = Vitals::new(["inspect", "plugins/tcp.wasm"])
        .plugin("tcp", guests::TCP)
        .run();
    assert_eq!(ended.status, Some(0), "{}", shown(&ended));
    assert_snapshot!(ended.stdout);
    let arguments = ["inspect", "plugins/hello.wasm", "--format", "json"];
    let vitals = Vitals::new(arguments).plugin("hello", guests::HELLO);
    let file = fs::read(vitals.place().plugins().join("hello.wasm")).unwrap();
    let ended = vitals.run();
    let json: Value = serde_json::from_str(&ended.stdout.replace("<varies>", "0")).expect("JSON");
    assert_eq!(
        (&json["code"], &json["contract"]),
        (&"hello".into(), &"vitals:health@0.1.0".into())
    );
    assert!(!file.is_empty());
    let ended = Vitals::new(["inspect", "plugins/bad.wasm"])
        .plugin("bad", b"garbage")
        .run();
    assert_eq!(ended.status, Some(1), "{}", shown(&ended));
    assert_snapshot!("inspect_bad", ended.stderr);
}

#[tokio::test]
async fn probe_asks_an_endpoint() {
    let config = "[checks.down]\nplugin = 'status'\nconfig = { status = 'unhealthy' }";
    let host = TestHost::builder()
        .library("status", guests::STATUS)
        .config(config)
        .start()
        .await;
    host.health().await;
    let probe = async |page: &str| {
        let url = format!("http://{}{page}", host.address());
        // Beside the host, which answers on this thread.
        let run = tokio::task::spawn_blocking(move || Vitals::new(["probe", &url]).run());
        run.await.expect("no panic")
    };
    let mut all = shown(&probe("/health/live").await);
    all.push_str(&shown(&probe("/health/ready").await));
    all.push_str(&shown(&probe("/nowhere").await));
    host.stop().await;
    let stopped = Target::start(Reply::ok("")).stop();
    let url = format!("http://{stopped}/");
    all.push_str(&shown(&Vitals::new(["probe", &url]).run()));
    let silent = Target::start(Reply::Silence);
    let url = silent.url("/");
    all.push_str(&shown(
        &Vitals::new(["probe", "--timeout", "1", &url]).run(),
    ));
    all.push_str(&shown(&Vitals::new(["probe", "nowhere"]).run()));
    assert_snapshot!(all);
}

#[test]
fn help_says_what_there_is() {
    let verbs = [
        "", "serve", "check", "validate", "inspect", "new", "plugins", "reload", "probe", "schema",
    ];
    let all: Vec<_> = verbs
        .into_iter()
        .map(|verb| {
            let ended =
                Vitals::new([verb, "--help"].into_iter().filter(|word| !word.is_empty())).run();
            assert_eq!(ended.status, Some(0), "{}", shown(&ended));
            ended.stdout
        })
        .collect();
    assert_snapshot!(all.join("\n----\n\n"));
    let version = Vitals::new(["--version"]).run();
    assert_eq!(
        version.stdout,
        format!("vitals {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(Vitals::new(["dance"]).run().status, Some(2));
}

#[tokio::test]
async fn serve_listens_where_the_command_line_says_above_environment_and_file() {
    let config = "[server]\nlisten = '192.0.2.1:1'";
    let vitals = Vitals::new(["serve", "--listen", "127.0.0.1:0"]).config(config);
    let serving = vitals
        .env("VITALS_LISTEN", "192.0.2.2:2")
        .plugin("hello", guests::HELLO)
        .serve()
        .await;
    let health = serving.get("/health").await.expect("an answer").json();
    assert_eq!(
        health["checks"][0]["name"], "module:hello",
        "the directory is ./plugins"
    );
}

#[tokio::test]
async fn a_closed_port_is_never_healthy() {
    // It once was in four runs of ten.
    let closed = Target::start(Reply::ok("")).stop();
    let mut config = String::new();
    for number in 0..40 {
        let _ = writeln!(
            config,
            "[checks.c{number}]\nplugin = 'tcp'\nconfig = {{ address = '{closed}' }}"
        );
    }
    let host = TestHost::builder()
        .library("tcp", guests::TCP)
        .config(&config)
        .start()
        .await;
    let health = host.health().await;
    for check in health["checks"].as_array().expect("checks") {
        assert_eq!(check["status"], "unhealthy", "{check:#}");
        assert!(
            check["message"]
                .as_str()
                .is_some_and(|text| text.contains("refused")),
            "{check:#}"
        );
    }
}

#[tokio::test]
async fn serve_takes_as_many_descriptors_as_it_may_have() {
    let before = getrlimit(Resource::Nofile);
    let fewer = Rlimit {
        current: before.maximum.map(|maximum| maximum - 1),
        ..before
    };
    // The child begins with what this process has when it is started.
    setrlimit(Resource::Nofile, fewer).expect("a limit can be lowered");
    let serving = Vitals::new(["serve"])
        .env("VITALS_LISTEN", "127.0.0.1:0")
        .serve()
        .await;
    setrlimit(Resource::Nofile, before).expect("and raised again");
    let (has, could_have) = serving.descriptors();
    assert_eq!(has, could_have);
}

#[tokio::test]
async fn a_host_is_asked_by_plain_http_where_the_machine_trusts_nobody() {
    let serving = Vitals::new(["serve"])
        .env("VITALS_LISTEN", "127.0.0.1:0")
        .env("VITALS_ADMIN_TOKEN", "token-of-the-test")
        .serve()
        .await;
    let url = format!("http://{}", serving.address());
    let page = format!("{url}/health/live");
    for arguments in [vec!["probe", &page], vec!["reload", "--url", &url]] {
        let ended = Vitals::new(arguments)
            .env("SSL_CERT_FILE", "/nowhere")
            .env("VITALS_ADMIN_TOKEN", "token-of-the-test")
            .run();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn an_answer_without_end_is_read_to_a_bound() {
    let endless = Target::start(Reply::Endless);
    let (page, url) = (endless.url("/"), endless.url(""));
    let ended = Vitals::new(["probe", "--timeout", "60", &page]).run();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    for command in ["plugins", "reload"] {
        let ended = Vitals::new([command, "--url", &url])
            .env("VITALS_ADMIN_TOKEN", "token-of-the-test")
            .run();
        assert_eq!(ended.status, Some(3), "{command}: {}", ended.stderr);
        let is_no_page = ended.stderr.contains("as one of a vitals host");
        assert!(is_no_page, "{command}: {}", ended.stderr);
    }
}
