//! Hosts to which everything happens, under the Prometheus of `deploy/monitoring`: each query of each rule,
//! panel and variable has a result, and each alert fires.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use vitals_host::Outcome;
use vitals_host::check::{ErrorTracker, GuestReport};
use vitals_tests::guests::{self, SLEEP};
use vitals_tests::{Process, Prometheus, Reply, Serving, Target, TestHost, Vitals, eventually};

use super::queries::{self, Query, Unanswered, unanswered};
use super::quick;

/// An error tracker that panics, which costs a run.
struct PanickingTracker;

impl ErrorTracker for PanickingTracker {
    fn capture(&self, _: &GuestReport<'_>) -> Option<String> {
        panic!("the tracker broke")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_has_a_result_and_every_alert_fires() {
    let empty = TestHost::start(METRICS, []).await;
    let panicking = panicking_host().await;
    let crowded = crowded_host().await;
    let address = crowded.address();
    let node = Process::node_exporter();
    let hosts = [address, panicking.address(), empty.address()];
    let prometheus = quick::prometheus(&hosts, node.address(), None);
    for alert in ["VitalsRunsSkipped", "VitalsSlotsSaturated"] {
        fires(&prometheus, alert).await;
    }

    restarts(crowded, address, &prometheus).await;
    let shop = Target::start(Reply::ok("open"));
    let host = eventful_host(address, shop.address()).await;
    let healthy = "vitals_check_state{check='shop',state='healthy'} == 1";
    seen(&prometheus, healthy).await;
    // Nothing has to be compiled from here on.
    let loaded = format!("count(vitals_plugin_info{{instance='{address}'}}) == 9");
    seen(&prometheus, &loaded).await;
    shop.reply(Reply::status("503 Service Unavailable", "closed"));
    let good = std::fs::read_to_string(host.place().path().join("vitals.toml"));
    host.place().write("vitals.toml", "no = 'such key'");
    let plugins = host.place().plugins();
    let elsewhere = host.place().path().join("elsewhere");
    std::fs::rename(&plugins, &elsewhere).expect("it is there");
    for alert in [
        "VitalsPluginsDirUnreadable",
        "VitalsConfigReloadFailed",
        "VitalsNotReady",
    ] {
        fires(&prometheus, alert).await;
    }
    std::fs::rename(&elsewhere, &plugins).expect("it is there");
    host.place()
        .write("vitals.toml", good.expect("it is there"));

    // Only the absence of the host has to wait until it ends.
    let queries = queries::shipped();
    let is_of_absence = |query: &Query| query.place.contains("VitalsAbsent");
    let (absence, others) = queries.iter().cloned().partition(is_of_absence);
    answered(&prometheus, others, &host).await;
    host.terminate();
    fires(&prometheus, "VitalsAbsent").await;
    let missing = unanswered(&prometheus, &absence).await;
    assert_eq!(missing.expect("it responds"), []);
    drop((empty, panicking));

    // Misspelt queries have no result.
    let misspelt = |query: &Query| {
        let text = query.text.replace("vitals_", "vitals_no_");
        (text != query.text).then(|| Query {
            text,
            ..query.clone()
        })
    };
    let misspelt: Vec<_> = queries.iter().filter_map(misspelt).collect();
    assert!(misspelt.len() > 50, "{misspelt:#?}");
    let missing = unanswered(&prometheus, &misspelt).await;
    assert_eq!(missing.expect("it responds").len(), misspelt.len());
}

/// Restarts a host often enough for the alert.
async fn restarts(mut host: Serving, address: SocketAddr, prometheus: &Prometheus) {
    let starts = format!("changes(process_start_time_seconds{{instance='{address}'}}[15m])");
    for turn in 1..=3 {
        let before = prometheus.value(&starts).await.expect("it responds");
        host.terminate();
        host.ended().await;
        // Two starts within one second are one to Prometheus.
        let ended = second();
        eventually("the second is over", async || {
            (second() > ended + 1).then_some(()).ok_or_else(String::new)
        })
        .await;
        let listen = address.to_string();
        let again = Vitals::new(["serve", "--listen", &listen]).config(METRICS);
        host = again.serve().await;
        eventually(&format!("start {turn} is scraped"), async || {
            let now = prometheus.value(&starts).await?;
            (now > before).then_some(()).ok_or(format!("{now:?}"))
        })
        .await;
    }
    fires(prometheus, "VitalsRestarting").await;
    host.terminate();
    host.ended().await;
}

fn second() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("it is later").as_secs()
}

async fn fires(prometheus: &Prometheus, alert: &str) {
    let firing = format!("ALERTS{{alertname='{alert}', alertstate='firing'}}");
    seen(prometheus, &firing).await;
}

/// Waits until a query has had a result.
async fn seen(prometheus: &Prometheus, query: &str) {
    eventually(&format!("Prometheus has seen {query}"), async || {
        let seen = prometheus.ever(query).await?;
        seen.then_some(()).ok_or_else(|| "it has not".to_owned())
    })
    .await;
}

/// Waits until all queries have a result, while probes request pages of the host.
async fn answered(prometheus: &Prometheus, mut open: Vec<Query>, host: &Serving) {
    eventually("all queries have a result", async || {
        for page in ["/health", "/health/ready", "/health/live", "/nothing"] {
            host.get(page).await?;
        }
        let missing = unanswered(prometheus, &open).await?;
        let line = |one: &Unanswered| format!("{}\n  no result of {}", one.query, one.part);
        let lines: Vec<_> = missing.iter().map(line).collect();
        open = missing.into_iter().map(|one| one.query).collect();
        let text = format!("{} have none:\n{}", lines.len(), lines.join("\n"));
        lines.is_empty().then_some(()).ok_or(text)
    })
    .await;
}

/// A host whose checks wait for each other's permits.
async fn crowded_host() -> Serving {
    let mut config = format!(
        "{METRICS}\n{GRACE}\nengine = {{ max_runs = 1 }}\n\
         [defaults]\ninterval = '2s'\ntimeout = '2s'\n"
    );
    for check in ["one", "two", "three", "four"] {
        let check = format!("[checks.{check}]\nplugin = 'sleep'\n");
        config.extend([&check, "config = { time = '1800ms' }\n"]);
    }
    Vitals::host(&config, [SLEEP]).serve().await
}

/// A host with a native check, whose own code panics.
async fn panicking_host() -> TestHost {
    TestHost::builder()
        .config(METRICS)
        .config("[checks.reports]\nplugin = 'log'\ninterval = '3s'\ntimeout = '3s'")
        .guests([guests::LOG])
        .with(|host| {
            let host = host.error_tracker(Arc::new(PanickingTracker));
            host.check("queue", || async { Outcome::healthy("short") })
        })
        .start()
        .await
}

/// A host with a check for each way in which a run can end.
async fn eventful_host(listen: SocketAddr, shop: SocketAddr) -> Serving {
    let config = format!(
        "{METRICS}\n{GRACE}\n[defaults]\ninterval = '500ms'\ntimeout = '400ms'\ncritical = false\n\
         [checks.shop]\nplugin = 'http'\ncritical = true\nconfig = {{ url = 'http://{shop}/' }}\n\
         [checks.mail]\nplugin = 'status'\nconfig = {{ status = 'unhealthy' }}\n\
         [checks.disk]\nplugin = 'status'\nconfig = {{ status = 'degraded' }}\n\
         [checks.web]\nplugin = 'flip'\ninterval = '700ms'\n\
         [checks.spins]\nplugin = 'spin'\nlimits = {{ fuel = 100_000 }}\n\
         [checks.fills]\nplugin = 'fill'\nlimits = {{ memory = '4MiB' }}\n\
         [checks.sleeps]\nplugin = 'sleep'\nconfig = {{ time = '10s' }}\n\
         [checks.denied]\nplugin = 'tcp-connect'\n\
         config = {{ address = '{shop}', others = ['127.0.0.1:2'] }}\n\
         [checks.measures]\nplugin = 'measure'\n\
         [checks.counts]\nplugin = 'metrics'\n\
         [checks.unheard-of]\nplugin = 'sleep'\nconfig = {{ time = '4m' }}\n\
         interval = '5m'\ntimeout = '5m'\n\
         [checks.broken]\nplugin = 'broken'\n"
    );
    let listen = listen.to_string();
    Vitals::new(["serve", "--listen", &listen])
        .config(&config)
        .guests([guests::HTTP, guests::STATUS, guests::FLIP, guests::SPIN])
        .guests([guests::FILL, SLEEP, guests::TCP_CONNECT, guests::MEASURE])
        .guests([guests::METRICS])
        .plugin("broken", guests::WANTS_THING)
        .serve()
        .await
}

const METRICS: &str = "metrics = { enabled = true }";
const GRACE: &str = "server = { startup_grace = '1s', shutdown_grace = '100ms' }";
