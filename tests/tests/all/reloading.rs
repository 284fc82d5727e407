//! Reloads that are requested: over HTTP, by SIGHUP and by `vitals reload`. Also `vitals plugins`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use insta::assert_snapshot;
use regex_lite::Regex;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use serde_json::{Value, json};
use vitals_tests::guests::{HELLO, HTTP, SETTINGS, WANTS_CONFIG};
use vitals_tests::{Finished, Place, Reply, Serving, Target, Vitals, eventually, when};

const TOKEN: &str = "token-of-the-admin";
const BEARER: (&str, &str) = ("authorization", "Bearer token-of-the-admin");

/// A host that scans its library only once an hour, and gets no events of it.
fn deaf() -> Vitals {
    let config = "[server]\nlisten = '127.0.0.1:0'\n\
                  [plugins]\nlibrary = 'library'\nrescan = '1h'\n\
                  [checks.late]\nplugin = 'hello'";
    Vitals::new(["serve"])
        .config(config)
        .env("VITALS_ADMIN_TOKEN", TOKEN)
}

/// Such a host, with a new plugin in its library.
async fn unscanned() -> Serving {
    let serving = deaf().serve().await;
    let health = serving.get("/health").await.expect("a response").json();
    assert_eq!(health["checks"][0]["error"]["code"], "load", "{health:#}");
    serving.place().write("library/hello.wasm", HELLO.bytes());
    serving
}

async fn eventually_healthy(serving: &Serving) {
    eventually("the check runs", async || {
        let check = serving.get("/health/checks/late").await?.json();
        when(check["status"] == "healthy", check)
    })
    .await;
}

/// The line about the end of a reload that a SIGHUP requested.
async fn eventually_logged(serving: &Serving) -> String {
    serving.eventually_logs("SIGHUP: ").await
}

/// Runs a command beside a host, which responds on this thread.
async fn run(vitals: Vitals, status: i32) -> Finished {
    let ended = tokio::task::spawn_blocking(move || vitals.exits(status));
    ended.await.expect("no panic")
}

#[tokio::test]
async fn a_post_requests_a_reload() {
    let serving = unscanned().await;
    for (headers, status) in [
        (&[][..], 401),
        (&[("authorization", "Bearer token-of-somebody")], 401),
        (&[BEARER], 200),
    ] {
        let answer = serving.ask("POST", "/-/reload", headers).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        if status == 200 {
            let reload = answer.json();
            assert_eq!(reload["configuration"]["state"], "unchanged", "{reload:#}");
            assert_eq!(reload["problems"], json!([]), "{reload:#}");
        } else {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    eventually_healthy(&serving).await;
}

#[tokio::test]
async fn a_sighup_requests_a_reload_and_its_result_is_logged() {
    let mut serving = unscanned().await;
    serving.hang_up();
    eventually_healthy(&serving).await;
    eventually_logged(&serving).await;
    assert!(serving.is_running());
}

#[tokio::test]
async fn a_sighup_while_the_host_starts_is_handled_once_it_is_up() {
    let vitals = Vitals::new(["serve"]);
    let config = vitals.place().path().join("vitals.toml");
    rustix::fs::mknodat(CWD, &config, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let serving = vitals.begin();
    let mut fifo = eventually("the host reads its configuration", async || {
        let mut options = OpenOptions::new();
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let opened = options.write(true).custom_flags(flags).open(&config);
        opened.map_err(|error| error.to_string())
    })
    .await;
    serving.hang_up();
    let text = "[server]\nlisten = '127.0.0.1:0'";
    // The reload reads a regular file.
    serving.place().write("vitals.toml", text);
    fifo.write_all(text.as_bytes()).unwrap();
    drop(fifo);
    let mut serving = serving.up().await;
    eventually_logged(&serving).await;
    assert!(serving.is_running());
}

#[tokio::test]
async fn the_command_reload_connects_to_the_host_of_the_configuration() {
    let serving = unscanned().await;
    let config = format!(
        "[server]\nlisten = '{}'\nadmin_token = '{TOKEN}'",
        serving.address()
    );
    let command = |arguments: &[&str]| {
        let arguments = [&["reload"], arguments].concat();
        run(Vitals::new(arguments).config(&config), 0)
    };
    command(&[]).await;
    eventually_healthy(&serving).await;
    let ended = command(&[]).await;
    assert_eq!((&*ended.stdout, &*ended.stderr), ("no changes\n", ""));
    let ended = command(&["--format", "json"]).await;
    let reload: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(reload["plugins"], json!([]), "{reload:#}");
}

#[tokio::test]
async fn after_a_reload_only_the_rotated_token_is_valid() {
    let vitals = Vitals::new(["serve"]).guests([SETTINGS]);
    let write = |place: &Place, token: &str| {
        ["admin", "metrics"].map(|name| place.write(name, format!("{name}-{token}\n")))
    };
    let [admin, metrics] = write(vitals.place(), "token-one");
    let config = format!(
        "[server]\nlisten = '127.0.0.1:0'\ndetails = 'authorized'\nadmin_token = '${{file:{}}}'\n\
         [metrics]\nenabled = true\ntoken = '${{file:{}}}'\n\
         [checks.teller]\nplugin = 'settings'\ndir = true\ninterval = '1s'\ntimeout = '1s'\n\
         config = {{ name = 'admin-token-one' }}",
        admin.display(),
        metrics.display()
    );
    let serving = vitals.config(&config).serve().await;
    let ask = async |path: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        serving.ask("GET", path, &headers).await
    };
    let statuses = async |token: &str| {
        let plugins = ask("/plugins", &format!("admin-{token}")).await;
        let metrics = ask("/metrics", &format!("metrics-{token}")).await;
        [plugins.status, metrics.status]
    };
    assert_eq!(statuses("token-one").await, [200, 200]);
    assert_eq!(statuses("token-two").await, [401, 401]);
    write(serving.place(), "token-two");
    serving.hang_up();
    let line = eventually_logged(&serving).await;
    assert_eq!(statuses("token-two").await, [200, 200], "{line}");
    assert_eq!(statuses("token-one").await, [401, 401], "{line}");

    // The old token is still redacted.
    let run = async || {
        let check = ask("/health/checks/teller", "admin-token-two").await.json();
        (check["checked_at"].clone(), check["message"].clone())
    };
    let before = run().await;
    let message = eventually("the check runs again", async || {
        let (checked_at, message) = run().await;
        let is_another = !checked_at.is_null() && checked_at != before.0;
        is_another.then_some(message).ok_or("not yet".to_owned())
    })
    .await;
    assert_eq!(message, "[redacted] with token ");
}

#[tokio::test]
async fn the_command_plugins_prints_a_table() {
    let config = "[server]\nlisten = '127.0.0.1:0'\ndetails = 'authorized'\n\
                  [checks.orders]\nplugin = 'http'\nconfig = { url = 'http://127.0.0.1:1' }\n\
                  [checks.users]\nplugin = 'http'\nconfig = { url = 'http://127.0.0.1:1' }";
    let vitals = Vitals::new(["serve"]).config(config);
    let vitals = vitals.env("VITALS_ADMIN_TOKEN", TOKEN);
    let vitals = vitals.guests([HTTP, WANTS_CONFIG]);
    let serving = vitals.plugin("broken", b"garbage").serve().await;
    serving.get("/health").await.expect("a response");
    let url = format!("http://{}", serving.address());
    let command = |arguments: &[&str]| {
        let arguments = [&["plugins", "--url", &url], arguments].concat();
        run(Vitals::new(arguments).env("VITALS_ADMIN_TOKEN", TOKEN), 0)
    };
    let ended = command(&[]).await;
    let table = Regex::new(r"[0-9a-f]{12}  \d+[sm]( *)").expect("a pattern");
    let table = table.replace_all(&ended.stdout, "<digest>    <age>");
    assert_snapshot!(format!("exit status {:?}\n{table}", ended.status));
    let ended = command(&["--format", "json"]).await;
    let page: Value = serde_json::from_str(&ended.stdout.replace("<varies>", "0")).expect("JSON");
    assert_eq!(page["plugins"][0]["name"], "broken", "{page:#}");
}

#[tokio::test]
async fn a_command_without_a_response_exits_3_and_says_what_to_do() {
    let serving = deaf().serve().await;
    let closed = Vitals::host("", []).serve().await;
    let nobody = format!("http://{}", Target::start(Reply::ok("")).stop());
    let other = Target::start(Reply::ok("fine"));
    let reload = |arguments: &[&str]| Vitals::new([&["reload"], arguments].concat());
    let here = format!("http://{}", serving.address());
    let below = format!("http://{}/health", serving.address());
    let closed = format!("http://{}", closed.address());
    let mut all = String::new();
    for vitals in [
        reload(&["--url", &nobody]),
        Vitals::new(["plugins", "--url", &nobody]),
        reload(&["--url", &here]),
        reload(&["--url", &here]).env("VITALS_ADMIN_TOKEN", "token-of-somebody"),
        reload(&["--url", &below]).env("VITALS_ADMIN_TOKEN", TOKEN),
        reload(&["--url", &closed]),
        reload(&["--url", &other.url("/")]),
        reload(&["--url", "here"]),
        reload(&["--accept-grants", "No"]),
        reload(&[]).config("[serve]"),
        reload(&[]).env("VITALS_LISTEN", "127.0.0.1:0"),
    ] {
        let ended = run(vitals, 3).await;
        assert!(!ended.stderr.contains("token-of"), "{ended}");
        all.push_str(&ended.stderr);
        all.push('\n');
    }
    assert_snapshot!(all);
}

#[tokio::test]
async fn the_command_reload_needs_no_configuration_if_url_and_token_are_given() {
    let serving = deaf().serve().await;
    let url = format!("http://{}", serving.address());
    let vitals = Vitals::new(["reload", "--url", &url]).config("[serve]");
    run(vitals.env("VITALS_ADMIN_TOKEN", TOKEN), 0).await;
}

#[tokio::test]
async fn the_command_reload_prints_rejections_and_exits_2() {
    let serving = unscanned().await;
    let file = serving.place().path().join("vitals.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{config}\nnonsense = 1\n")).unwrap();
    let vitals = Vitals::new(["reload", "--url", &format!("http://{}", serving.address())]);
    let ended = run(vitals.env("VITALS_ADMIN_TOKEN", TOKEN), 2).await;
    for part in ["vitals.toml:8", "nonsense", "hello"] {
        assert!(ended.stdout.contains(part), "{ended}");
    }
}
