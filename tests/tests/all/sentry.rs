//! Reports to Sentry, taken by a server that speaks its protocol.

use std::collections::BTreeSet;

use vitals_host::check::Severity;
use vitals_host::config::Config;
use vitals_host::{Host, Outcome};
use vitals_tests::{
    Bugsink, Digested, Reply, Serving, Target, TestHost, Vitals, eventually, guests,
};

/// A check that does as `settings` say.
fn config(settings: &str) -> String {
    format!(
        "[plugins]\nrescan = '1s'\n[sentry]\nenvironment = 'tests'\nrelease = 'shop@7'\n\
         [defaults]\ninterval = '1h'\ntimeout = '2s'\ntrial = false\n\
         [checks.orders]\nplugin = 'status'\ninterval = '2s'\nconfig = {settings}"
    )
}

const WELL: &str = "{ message = 'all is well' }";
const BROKEN: &str = "{ fail = 'panic', message = 'lost the ${PASSWORD} again' }";

async fn turned(host: &Serving, status: &str) {
    eventually(&format!("the check is {status}"), async || {
        let answer = host.get("/health/checks/orders").await?;
        let check = answer.json();
        (check["status"] == status).then_some(()).ok_or(answer.body)
    })
    .await;
}

/// Those of `tag` and `value`, once there are so many.
async fn events(bugsink: &Bugsink, tag: &str, value: &str, count: usize) -> Vec<Digested> {
    eventually(&format!("{count} events of {tag} {value}"), async || {
        let all = bugsink.events();
        let wanted = |event: &&Digested| event.tags.get(tag).is_some_and(|found| found == value);
        let found: Vec<_> = all.iter().filter(wanted).cloned().collect();
        if found.len() == count {
            Ok(found)
        } else {
            Err(format!("{all:#?}"))
        }
    })
    .await
}

#[tokio::test]
async fn failures_are_issues_with_one_event_for_each_time() {
    let bugsink = Bugsink::start();
    let mut host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .env("SENTRY_DSN", bugsink.dsn())
        .env("PASSWORD", "correct-horse-battery")
        .config(&config(WELL))
        .plugin("status", guests::STATUS)
        .plugin("talks", guests::LOG)
        .serve()
        .await;
    turned(&host, "healthy").await;

    host.place().write("vitals.toml", config(BROKEN));
    turned(&host, "unhealthy").await;
    let first = events(&bugsink, "check", "orders", 1).await.remove(0);
    let version = host.get("/health/checks/orders").await.unwrap().json();
    let plugin = &version["plugin"];
    for (tag, value) in [
        ("code", "trap"),
        ("plugin", "status"),
        ("version", plugin["version"].as_str().unwrap()),
        ("digest", &plugin["digest"].as_str().unwrap()[..12]),
        ("environment", "tests"),
        ("release", "shop@7"),
    ] {
        assert_eq!(
            first.tags.get(tag).map(String::as_str),
            Some(value),
            "{tag}"
        );
    }
    assert!(
        first
            .title
            .starts_with("trap: orders is unhealthy: panicked at "),
        "{first:#?}"
    );
    assert!(!first.last_frame.is_empty(), "{first:#?}");
    let sent = first.data.to_string();
    assert!(sent.contains("[redacted]"), "{sent}");
    assert!(!sent.contains("correct-horse"), "{sent}");

    host.place().write("vitals.toml", config(WELL));
    turned(&host, "healthy").await;
    host.place().write("vitals.toml", config(BROKEN));
    turned(&host, "unhealthy").await;
    let both = events(&bugsink, "check", "orders", 2).await;
    assert_eq!(both[0].issue, both[1].issue);
    let crumbs = both[1].data["breadcrumbs"]["values"].as_array().unwrap();
    let turns: Vec<_> = crumbs
        .iter()
        .filter(|crumb| crumb["data"]["check"] == "orders")
        .map(|crumb| crumb["data"]["to"].as_str().unwrap())
        .collect();
    assert_eq!(turns, ["unhealthy", "healthy"]);

    // What a guest reports has the id that the guest was answered.
    let said = host.get("/health/checks/module:talks").await.unwrap();
    let id = said.json()["details"]["event"].clone();
    let captured = events(&bugsink, "check", "module:talks", 1).await.remove(0);
    assert_eq!(id.as_str(), Some(captured.id.as_str()), "{captured:#?}");
    let plugin = &said.json()["plugin"];
    for (tag, value) in [
        ("plugin", "talks"),
        ("version", plugin["version"].as_str().unwrap()),
        ("digest", &plugin["digest"].as_str().unwrap()[..12]),
    ] {
        assert_eq!(
            captured.tags.get(tag).map(String::as_str),
            Some(value),
            "{tag}"
        );
    }

    host.place().write("plugins/torn.wasm", "no component");
    let refused = events(&bugsink, "plugin", "torn", 1).await.remove(0);
    assert_eq!(refused.tags["code"], "not-wasm");
    // The same content is looked at again, and no news.
    host.place().write("plugins/torn.wasm", "no component");
    host.hang_up();
    eventually("the files were looked at", async || {
        let log = host.log().join("\n");
        log.contains("SIGHUP: ").then_some(()).ok_or(log)
    })
    .await;

    // A version that does not fit the check is refused; the one before it serves on.
    let other = std::fs::read(guests::LOG.path()).unwrap();
    host.place().write("plugins/status.wasm", other);
    let of_status = events(&bugsink, "plugin", "status", 3).await;
    assert_eq!(of_status[2].tags["code"], "unfit");
    assert_eq!(of_status[2].tags["version"], "0.1.0");

    host.terminate();
    host.ended().await;
    let all = bugsink.events();
    assert_eq!(all.len(), 5, "{all:#?}");
}

#[tokio::test]
async fn a_server_that_never_answers_holds_up_neither_checks_nor_the_end() {
    let silent = Target::start(Reply::Silence);
    let dsn = silent.url("/1").replace("http://", "http://key@");
    let mut host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .env("SENTRY_DSN", &dsn)
        .config(&config("{ status = 'unhealthy' }"))
        .plugin("status", guests::STATUS)
        .serve()
        .await;
    turned(&host, "unhealthy").await;
    host.place().write("vitals.toml", config(WELL));
    turned(&host, "healthy").await;
    host.terminate();
    host.ended().await;
}

#[tokio::test]
async fn the_embedding_program_reports_errors_and_messages_and_is_told_their_ids() {
    let bugsink = Bugsink::start();
    let config = format!("[plugins]\ndir = ''\n[sentry]\ndsn = '{}'", bugsink.dsn());
    let host = Host::builder().config(config.parse::<Config>().unwrap());
    let host = host.start().await.unwrap();
    let error = "seven".parse::<u32>().unwrap_err();
    let error = std::io::Error::other(error);
    let ids = [
        host.capture_error(&error).unwrap(),
        host.capture_message(Severity::Warning, "almost full")
            .unwrap(),
    ];
    let events = eventually("both are there", async || {
        let events = bugsink.events();
        let both = events.len() == 2;
        both.then_some(events).ok_or_else(String::new)
    })
    .await;
    host.shutdown().await;
    assert_eq!([&events[0].id, &events[1].id], [&ids[0], &ids[1]]);
    assert!(
        events[0].title.ends_with("invalid digit found in string"),
        "{events:#?}"
    );
    assert_eq!(events[1].title, "Log Message: almost full");
    assert_eq!(events[1].data["level"], "warning");

    let config = "[plugins]\ndir = ''".parse::<Config>().unwrap();
    let host = Host::builder().config(config).start().await.unwrap();
    assert_eq!(host.capture_error(&error), None);
    assert_eq!(host.capture_message(Severity::Error, "x"), None);
    host.shutdown().await;
}

#[tokio::test]
async fn what_is_under_way_has_left_when_the_host_has_shut_down() {
    let server = Target::start(Reply::ok("{}"));
    let dsn = server.url("/1").replace("http://", "http://key@");
    let config = format!("[plugins]\ndir = ''\n[sentry]\ndsn = '{dsn}'");
    let host = Host::builder().config(config.parse::<Config>().unwrap());
    let host = host.start().await.unwrap();
    host.capture_message(Severity::Error, "the last words")
        .unwrap();
    host.shutdown().await;
    let requests = server.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(requests[0].starts_with("POST /api/1/envelope/ "));
}

#[tokio::test]
async fn a_panic_of_the_host_is_reported() {
    let bugsink = Bugsink::start();
    // A check that is not enabled is nobody's but the watcher's, which drops it.
    let config = format!(
        "[sentry]\ndsn = '{}'\n[checks.mine]\nenabled = false",
        bugsink.dsn()
    );
    let (host, _place) = TestHost::builder().config(&config).build().await;
    let mine = PanicsAtItsEnd;
    host.register("mine", move || {
        let _mine = &mine;
        async { Outcome::healthy("") }
    })
    .unwrap();
    host.unregister("mine").unwrap();
    let event = events(&bugsink, "code", "host", 1).await.remove(0);
    assert_eq!(event.data["level"], "fatal");
    assert_eq!(event.data["fingerprint"][0], "host-panic");
    assert_eq!(
        event.title,
        "Log Message: the host panicked while watching the plugins"
    );
    host.shutdown().await;
}

struct PanicsAtItsEnd;

impl Drop for PanicsAtItsEnd {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "over the end of a check");
    }
}

#[tokio::test]
async fn secrets_of_a_configuration_that_was_read_again_are_taken_out() {
    let bugsink = Bugsink::start();
    let config = |secret: &str| {
        format!(
            "[sentry]\ndsn = '{}'\n[checks.idle]\nplugin = 'status'\nenabled = false\n\
             config = {{ message = '${{{secret}}}' }}",
            bugsink.dsn()
        )
    };
    let builder = TestHost::builder()
        .env("FIRST", "hunter2-first")
        .env("SECOND", "hunter2-second")
        .reloading();
    let (host, place) = builder.config(&config("FIRST")).build().await;
    place.write("vitals.toml", config("SECOND"));
    host.reloader().reload(BTreeSet::new()).await.unwrap();
    host.capture_message(Severity::Info, "hunter2-first, hunter2-second")
        .unwrap();
    let title = eventually("the message is there", async || {
        let first = bugsink.events().into_iter().next();
        first.map(|event| event.title).ok_or_else(String::new)
    })
    .await;
    assert_eq!(title, "Log Message: [redacted], [redacted]");
    host.shutdown().await;
}
