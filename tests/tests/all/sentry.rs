//! Reports to Sentry, received by a server with its protocol.

use std::collections::BTreeSet;

use serde_json::Value;
use vitals_host::Host;
use vitals_host::check::Severity;
use vitals_host::config::Config;
use vitals_tests::guests::{LOG, STATUS};
use vitals_tests::{Bugsink, Digested, Reply, Serving, Target, TestHost, Vitals, eventually, when};

use super::panics::panic_in_watcher;

/// A check with these settings.
fn config(settings: &str) -> String {
    format!(
        "[plugins]\nrescan = '1s'\n[sentry]\nenvironment = 'tests'\nrelease = 'shop@7'\n\
         [defaults]\ninterval = '1h'\ntimeout = '2s'\ntrial = false\n\
         [checks.orders]\nplugin = 'status'\ninterval = '2s'\nconfig = {settings}"
    )
}

const HEALTHY: &str = "{ message = 'all is well' }";
const BROKEN: &str = "{ fail = 'panic', message = 'lost the ${PASSWORD} again' }";

async fn is_now(host: &Serving, status: &str) {
    eventually(&format!("the check is {status}"), async || {
        let check = host.get("/health/checks/orders").await?.json();
        when(check["status"] == status, check)
    })
    .await;
}

/// Asserts that an event has the plugin's version and digest of the check's page, and other tags.
pub(crate) fn assert_tags(event: &Digested, check: &Value, others: &[(&str, &str)]) {
    let plugin = &check["plugin"];
    let digest = plugin["digest"].as_str().expect("the event has it");
    let version = plugin["version"].as_str().expect("the event has it");
    let of_plugin = [("version", version), ("digest", &digest[..12])];
    for (tag, value) in others.iter().chain(&of_plugin) {
        let found = event.tags.get(*tag).map(String::as_str);
        assert_eq!(found, Some(*value), "{tag}");
    }
}

/// The events with this tag, once there are so many.
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
async fn failures_are_issues_with_one_event_for_each_transition() {
    let bugsink = Bugsink::start();
    let mut host = Vitals::host(&config(HEALTHY), [STATUS])
        .env("SENTRY_DSN", bugsink.dsn())
        .env("PASSWORD", "correct-horse-battery")
        .plugin("talks", LOG)
        .serve()
        .await;
    is_now(&host, "healthy").await;

    host.place().write("vitals.toml", config(BROKEN));
    is_now(&host, "unhealthy").await;
    let first = events(&bugsink, "check", "orders", 1).await.remove(0);
    let check = host.get("/health/checks/orders").await.unwrap().json();
    let tags = [
        ("code", "trap"),
        ("plugin", "status"),
        ("environment", "tests"),
        ("release", "shop@7"),
    ];
    assert_tags(&first, &check, &tags);
    let title = "trap: orders is unhealthy: panicked at ";
    assert!(first.title.starts_with(title), "{first:#?}");
    assert!(!first.last_frame.is_empty(), "{first:#?}");
    let sent = first.data.to_string();
    assert!(sent.contains("[redacted]"), "{sent}");
    assert!(!sent.contains("correct-horse"), "{sent}");

    host.place().write("vitals.toml", config(HEALTHY));
    is_now(&host, "healthy").await;
    host.place().write("vitals.toml", config(BROKEN));
    is_now(&host, "unhealthy").await;
    let both = events(&bugsink, "check", "orders", 2).await;
    assert_eq!(both[0].issue, both[1].issue);
    let crumbs = both[1].data["breadcrumbs"]["values"].as_array().unwrap();
    let of_check = crumbs.iter().map(|crumb| &crumb["data"]);
    let of_check = of_check.filter(|data| data["check"] == "orders");
    let statuses: Vec<_> = of_check.map(|data| &data["to"]).collect();
    assert_eq!(statuses, ["unhealthy", "healthy"]);

    // The report of a guest has the id that the guest got.
    let check = host
        .get("/health/checks/module:talks")
        .await
        .unwrap()
        .json();
    let captured = events(&bugsink, "check", "module:talks", 1).await.remove(0);
    assert_eq!(check["details"]["event"], captured.id, "{captured:#?}");
    assert_tags(&captured, &check, &[("plugin", "talks")]);

    host.place().write("plugins/torn.wasm", "no component");
    let rejected = events(&bugsink, "plugin", "torn", 1).await.remove(0);
    assert_eq!(rejected.tags["code"], "not-wasm");
    // The same content is read again, and not reported again.
    host.place().write("plugins/torn.wasm", "no component");
    host.hang_up();
    host.eventually_logs("SIGHUP: ").await;

    // A version that does not fit the check is rejected, and the previous one stays active.
    host.place().write_plugin("status", LOG);
    let of_status = events(&bugsink, "plugin", "status", 3).await;
    assert_eq!(of_status[2].tags["code"], "unfit");
    assert_eq!(of_status[2].tags["version"], "0.1.0");

    host.terminate();
    host.ended().await;
    let all = bugsink.events();
    assert_eq!(all.len(), 5, "{all:#?}");
}

#[tokio::test]
async fn a_server_that_never_responds_delays_neither_checks_nor_shutdown() {
    let silent = Target::start(Reply::Silence);
    let dsn = silent.url("/1").replace("http://", "http://key@");
    let vitals = Vitals::host(&config("{ status = 'unhealthy' }"), [STATUS]);
    let mut host = vitals.env("SENTRY_DSN", &dsn).serve().await;
    is_now(&host, "unhealthy").await;
    host.place().write("vitals.toml", config(HEALTHY));
    is_now(&host, "healthy").await;
    host.terminate();
    host.ended().await;
}

#[tokio::test]
async fn the_embedding_program_reports_errors_and_messages_and_gets_their_ids() {
    let bugsink = Bugsink::start();
    let host = embedded(&format!("[sentry]\ndsn = '{}'", bugsink.dsn())).await;
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

    let host = embedded("").await;
    assert_eq!(host.capture_error(&error), None);
    assert_eq!(host.capture_message(Severity::Error, "x"), None);
    host.shutdown().await;
}

/// A host in this program, without plugins.
async fn embedded(sentry: &str) -> Host {
    let config = format!("[plugins]\ndir = ''\n{sentry}");
    let host = Host::builder().config(
        config
            .parse::<Config>()
            .expect("the configuration is valid"),
    );
    host.start().await.expect("the host starts")
}

#[tokio::test]
async fn shutdown_sends_waiting_events() {
    let server = Target::start(Reply::ok("{}"));
    let dsn = server.url("/1").replace("http://", "http://key@");
    let host = embedded(&format!("[sentry]\ndsn = '{dsn}'")).await;
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
    let config = format!(
        "[sentry]\ndsn = '{}'\n[checks.mine]\nenabled = false",
        bugsink.dsn()
    );
    let (host, _place) = TestHost::builder().config(&config).build().await;
    panic_in_watcher(&host);
    let event = events(&bugsink, "code", "host", 1).await.remove(0);
    assert_eq!(event.data["level"], "fatal");
    assert_eq!(event.data["fingerprint"][0], "host-panic");
    assert_eq!(
        event.title,
        "Log Message: the host panicked while watching the plugins"
    );
    host.shutdown().await;
}

#[tokio::test]
async fn secrets_of_a_reloaded_configuration_are_redacted() {
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
