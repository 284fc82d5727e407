//! A check whose own code keeps breaking its limits runs less often, and one that waits does not.

use serde_json::{Value, json};
use vitals_tests::{Reply, Target, TestHost, Vitals, eventually, guests};

const DEFAULTS: &str = "[metrics]\nenabled = true\n\
                        [defaults]\ninterval = '200ms'\ntimeout = '150ms'\n";

fn is_open(check: &Value) -> bool {
    check["result"]["breaker"]["open"] == true
}

fn closed(interval_ms: u64) -> Value {
    json!({"open": false, "runs": 0, "interval_ms": interval_ms})
}

fn series(host: &str, name: &str) -> Option<String> {
    let series = format!("vitals_check_breaker_open{{check=\"{name}\"}} ");
    let mut lines = host.lines();
    lines.find_map(|line| Some(line.strip_prefix(series.as_str())?.to_owned()))
}

#[tokio::test]
async fn code_that_keeps_exceeding_its_limits_opens_the_breaker() {
    // The other codes are cases of a unit test of `model/report.rs`.
    let config = format!(
        "{DEFAULTS}[checks.stack]\nplugin = 'recurse'\ninterval = '600ms'\ntimeout = '600ms'\n\
         [checks.timeout]\nplugin = 'spin'\ntimeout = '50ms'\nlimits = {{ fuel = 1_000_000_000_000 }}"
    );
    let host = TestHost::builder()
        .library("recurse", guests::RECURSE)
        .library("spin", guests::SPIN)
        .plugin("good", guests::HELLO)
        .config(&config)
        .start()
        .await;
    let codes = ["stack", "timeout"];
    for code in codes {
        let check = host
            .eventually_check(code, "an open breaker", is_open)
            .await;
        assert_eq!(check["status"], "unhealthy", "{check:#}");
        assert_eq!(check["error"]["code"], code, "{check:#}");
        let breaker = &check["result"]["breaker"];
        let [interval, stretched] = [&check, breaker].map(|it| it["interval_ms"].as_u64());
        let stretch = stretched.zip(interval).map(|(long, short)| long / short);
        assert!(breaker["runs"].as_u64() >= Some(3), "{check:#}");
        assert!((Some(2)..=Some(10)).contains(&stretch), "{check:#}");
        assert!(check["result"]["next_run"].is_string(), "{check:#}");
    }
    let metrics = host.get("/metrics").await.body;
    for code in codes {
        assert_eq!(series(&metrics, code).as_deref(), Some("1"), "{code}");
    }
    assert_eq!(series(&metrics, "module:good").as_deref(), Some("0"));
    let good = host.check("module:good").await;
    assert_eq!(good["result"]["breaker"], closed(200));
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
        assert_eq!(check["result"]["breaker"], closed(200), "{check:#}");
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
    assert_eq!(check["result"]["breaker"], closed(1000));
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
    // Two more violations change nothing.
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
