//! A check whose own code keeps breaking its limits runs less often, and one that waits does not.

use std::fmt::Write as _;

use serde_json::{Value, json};
use vitals_tests::{Reply, Target, TestHost, Vitals, eventually, guests};

const DEFAULTS: &str = "[metrics]\nenabled = true\n\
                        [defaults]\ninterval = '200ms'\ntimeout = '150ms'\n";

fn is_open(check: &Value) -> bool {
    check["result"]["breaker"]["open"] == true
}

fn series(host: &str, name: &str) -> Option<String> {
    let series = format!("vitals_check_breaker_open{{check=\"{name}\"}} ");
    let mut lines = host.lines();
    lines.find_map(|line| Some(line.strip_prefix(series.as_str())?.to_owned()))
}

#[tokio::test]
async fn every_limit_that_the_code_breaks_opens_the_breaker() {
    let mut config = DEFAULTS.to_owned();
    let hostile = [
        ("trap", "status", "config = { fail = 'trap' }"),
        ("exit", "status", "config = { fail = 'exit' }"),
        ("fuel", "spin", "limits = { fuel = 100_000 }"),
        (
            "memory",
            "fill",
            "limits = { memory = '4MiB' }\nconfig = { mebibytes = 8 }",
        ),
        ("stack", "recurse", ""),
        (
            "output",
            "huge",
            "limits = { output = '64KiB' }\nconfig = { size = 1_000_000, by = 'message' }",
        ),
        ("resources", "leak", "config = { pollables = 2_000 }"),
        ("timeout", "spin", "limits = { fuel = 1_000_000_000_000 }"),
    ];
    for (code, plugin, settings) in hostile {
        // Enough time for what is not about time, on a busy machine too.
        let timing = if code == "timeout" {
            "timeout = '50ms'"
        } else {
            "interval = '600ms'\ntimeout = '600ms'"
        };
        writeln!(
            config,
            "[checks.{code}]\nplugin = '{plugin}'\n{timing}\n{settings}"
        )
        .expect("a string takes everything");
    }
    let mut host = TestHost::builder().config(&config);
    for (name, guest) in [
        ("status", guests::STATUS),
        ("spin", guests::SPIN),
        ("fill", guests::FILL),
        ("recurse", guests::RECURSE),
        ("huge", guests::HUGE),
        ("leak", guests::LEAK),
    ] {
        host = host.library(name, guest);
    }
    let host = host.plugin("good", guests::HELLO).start().await;
    for (code, ..) in hostile {
        let check = host
            .eventually_check(code, "an open breaker", is_open)
            .await;
        assert_eq!(check["status"], "unhealthy", "{check:#}");
        assert_eq!(check["error"]["code"], code, "{check:#}");
        let breaker = &check["result"]["breaker"];
        let runs = breaker["runs"].as_u64().unwrap_or_default();
        let interval = check["interval_ms"].as_u64().unwrap_or_default();
        let stretched = breaker["interval_ms"].as_u64().unwrap_or_default();
        assert!(runs >= 3, "{check:#}");
        assert!(
            stretched >= 2 * interval && stretched <= 10 * interval,
            "{check:#}"
        );
        assert!(check["result"]["next_run"].is_string(), "{check:#}");
    }
    let metrics = host.get("/metrics").await.body;
    for (code, ..) in hostile {
        assert_eq!(series(&metrics, code).as_deref(), Some("1"), "{code}");
    }
    assert_eq!(series(&metrics, "module:good").as_deref(), Some("0"));
    let good = host.check("module:good").await;
    assert_eq!(
        good["result"]["breaker"],
        json!({"open": false, "runs": 0, "interval_ms": 200})
    );
}

#[tokio::test]
async fn waiting_for_a_slow_dependency_and_bad_results_never_open_it() {
    let silent = Target::start(Reply::Silence);
    let config = format!(
        "{DEFAULTS}[checks.asleep]\nplugin = 'sleep'\nconfig = {{ time = '1h' }}\n\
         [checks.silent]\nplugin = 'http-get'\nconfig = {{ url = '{}' }}\n\
         [checks.down]\nplugin = 'status'\nconfig = {{ status = 'unhealthy' }}\n\
         [checks.error]\nplugin = 'status'\nconfig = {{ fail = 'error', message = 'no' }}",
        silent.url("/")
    );
    let host = TestHost::builder()
        .library("sleep", guests::SLEEP)
        .library("http-get", guests::HTTP_GET)
        .library("status", guests::STATUS)
        .config(&config)
        .start()
        .await;
    for name in ["asleep", "silent", "down", "error"] {
        let many = |check: &Value| check["result"]["consecutive_failures"].as_u64() >= Some(6);
        let check = host
            .eventually_check(name, "six failures in a row", many)
            .await;
        assert_eq!(
            check["result"]["breaker"],
            json!({"open": false, "runs": 0, "interval_ms": 200}),
            "{check:#}"
        );
    }
}

#[tokio::test]
async fn another_version_of_the_plugin_closes_it_and_runs_at_once() {
    let config = "[checks.a]\nplugin = 'a'\ninterval = '1s'\ntimeout = '1s'";
    let host = TestHost::builder()
        .plugin("a", guests::RECURSE)
        .config(config)
        .start()
        .await;
    let open = host.eventually_check("a", "an open breaker", is_open).await;
    assert_eq!(open["result"]["breaker"]["runs"], 3, "{open:#}");
    host.drop_in("a", guests::HELLO);
    let fine = |check: &Value| check["status"] == "healthy";
    let check = host.eventually_check("a", "the new version", fine).await;
    assert_eq!(
        check["result"]["breaker"],
        json!({"open": false, "runs": 0, "interval_ms": 1000})
    );
}

#[tokio::test]
async fn the_log_says_once_that_it_opens_and_once_that_it_closes() {
    let config = format!("{DEFAULTS}[checks.a]\nplugin = 'a'");
    let serving = Vitals::new(["serve"])
        .config(&config)
        .env("VITALS_LISTEN", "127.0.0.1:0")
        .plugin("a", guests::RECURSE)
        .serve()
        .await;
    let told = async |what: &str| {
        eventually(what, async || {
            let log = serving.log();
            let lines: Vec<_> = log.iter().filter(|line| line.contains(what)).collect();
            match lines[..] {
                [] => Err(log.join("\n")),
                [line] => Ok(line.clone()),
                _ => panic!("more than once: {lines:#?}"),
            }
        })
        .await
    };
    let opened = told("breaker opened").await;
    for part in ["check=a", "runs=3", "code=stack", "stretched=400ms"] {
        assert!(opened.contains(part), "no `{part}` in {opened}");
    }
    // Two more foul runs change nothing of that.
    eventually("a longer row", async || {
        let page = serving.get("/health/checks/a").await?.json();
        if page["result"]["breaker"]["runs"].as_u64() >= Some(5) {
            Ok(())
        } else {
            Err(format!("{page:#}"))
        }
    })
    .await;
    told("breaker opened").await;
    serving
        .place()
        .write("plugins/a.wasm", guests::HELLO.bytes());
    let closed = told("breaker closed").await;
    assert!(closed.contains("check=a"), "{closed}");
}
