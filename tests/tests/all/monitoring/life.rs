//! A short life of vitals with all that can happen in one, under the shipped Prometheus: each query of each
//! rule, panel and variable has an answer, and each alert fires.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use vitals_host::Outcome;
use vitals_host::check::{ErrorTracker, GuestReport};
use vitals_tests::{
    Process, Prometheus, Reply, Serving, Target, TestHost, Vitals, eventually, guests,
};

use super::queries::{self, Query, Unanswered, unanswered};
use super::quick;

/// One that panics, which costs the host a run.
struct Brittle;

impl ErrorTracker for Brittle {
    fn capture(&self, _: &GuestReport<'_>) -> Option<String> {
        panic!("the tracker broke")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_has_an_answer_in_a_life_with_everything_in_it() {
    let empty = TestHost::builder().config(METRICS).start().await;
    let brittle = brittle_host().await;
    let crowded = Vitals::new(["serve", "--listen", "127.0.0.1:0"]).config(CROWDED);
    let crowded = crowded.plugin("sleep", guests::SLEEP).serve().await;
    let address = crowded.address();
    let node = Process::node_exporter();
    let hosts = [address, brittle.address(), empty.address()];
    let prometheus = quick::prometheus(&hosts, node.address(), None);
    for alert in ["VitalsRunsSkipped", "VitalsSlotsSaturated"] {
        fires(&prometheus, alert).await;
    }

    restarts(crowded, address, &prometheus).await;
    let shop = Target::start(Reply::ok("open"));
    let host = eventful_host(address, shop.address()).await;
    seen(
        &prometheus,
        "vitals_check_state{check='shop',state='healthy'} == 1",
    )
    .await;
    // Each was compiled once; from here on there is no more than the checks' own time to wait for.
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

    // While it lives, since it is asked meanwhile; only that it is gone is left.
    let queries = queries::shipped();
    let (gone, living) = queries.iter().cloned().partition(is_of_absence);
    answered(&prometheus, living, &host).await;
    host.terminate();
    fires(&prometheus, "VitalsAbsent").await;
    let missing = unanswered(&prometheus, &gone).await.expect("it answers");
    assert_eq!(missing, []);
    drop((empty, brittle));

    // The same for what nobody has ever heard of: this is what a broken query looks like.
    let misspelt = |query: &Query| {
        let text = query.text.replace("vitals_", "vitals_no_");
        (text != query.text).then(|| Query {
            text,
            ..query.clone()
        })
    };
    let misspelt: Vec<_> = queries.iter().filter_map(misspelt).collect();
    assert!(misspelt.len() > 50, "{misspelt:#?}");
    let missing = unanswered(&prometheus, &misspelt)
        .await
        .expect("it answers");
    assert_eq!(missing.len(), misspelt.len());
}

/// Ends and starts it, as often as is too often.
async fn restarts(mut host: Serving, address: SocketAddr, prometheus: &Prometheus) {
    let starts = format!("changes(process_start_time_seconds{{instance='{address}'}}[15m])");
    for turn in 1..=3 {
        let before = prometheus.value(&starts).await.expect("it answers");
        host.terminate();
        host.ended().await;
        // Of two starts within one second nobody could tell.
        let ended = second();
        eventually("the second is over", async || {
            (second() > ended + 1).then_some(()).ok_or_else(String::new)
        })
        .await;
        let listen = address.to_string();
        let again = Vitals::new(["serve", "--listen", &listen]).config(METRICS);
        host = again.serve().await;
        eventually(&format!("start {turn} is seen"), async || {
            let now = prometheus.value(&starts).await?;
            (now > before)
                .then_some(())
                .ok_or_else(|| format!("{now:?}"))
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
    seen(
        prometheus,
        &format!("ALERTS{{alertname='{alert}', alertstate='firing'}}"),
    )
    .await;
}

/// Waits until a query has had an answer.
async fn seen(prometheus: &Prometheus, query: &str) {
    eventually(&format!("Prometheus has seen {query}"), async || {
        let seen = prometheus.ever(query).await?;
        seen.then_some(()).ok_or_else(|| "it has not".to_owned())
    })
    .await;
}

/// Waits until all of them have an answer, and asks the host now and then, as probes do.
async fn answered(prometheus: &Prometheus, mut open: Vec<Query>, host: &Serving) {
    eventually("all queries have an answer", async || {
        for page in ["/health", "/health/ready", "/health/live", "/nothing"] {
            host.get(page).await?;
        }
        let missing = unanswered(prometheus, &open).await?;
        let line = |one: &Unanswered| format!("{}\n  no answer to {}", one.query, one.part);
        let lines: Vec<_> = missing.iter().map(line).collect();
        open = missing.into_iter().map(|one| one.query).collect();
        let said = format!("{} have none:\n{}", lines.len(), lines.join("\n"));
        lines.is_empty().then_some(()).ok_or(said)
    })
    .await;
}

fn is_of_absence(query: &Query) -> bool {
    query.place.contains("VitalsAbsent")
}

/// A host in which the host's own code panics, with a native check.
async fn brittle_host() -> TestHost {
    TestHost::builder()
        .config(METRICS)
        .config("[checks.reports]\nplugin = 'log'\ninterval = '3s'\ntimeout = '3s'")
        .library("log", guests::LOG)
        .with(|host| {
            let host = host.error_tracker(Arc::new(Brittle));
            host.check("queue", || async { Outcome::healthy("short") })
        })
        .start()
        .await
}

/// A host with a check for everything that can become of one.
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
        .plugin("http", guests::HTTP)
        .plugin("status", guests::STATUS)
        .plugin("flip", guests::FLIP)
        .plugin("spin", guests::SPIN)
        .plugin("fill", guests::FILL)
        .plugin("sleep", guests::SLEEP)
        .plugin("tcp-connect", guests::TCP_CONNECT)
        .plugin("measure", guests::MEASURE)
        .plugin("metrics", guests::METRICS)
        .plugin("broken", guests::WANTS_THING)
        .serve()
        .await
}

const METRICS: &str = "metrics = { enabled = true }";
const GRACE: &str = "server = { startup_grace = '1s', shutdown_grace = '100ms' }";
/// Checks that wait for each other.
const CROWDED: &str = "
metrics = { enabled = true }
server = { startup_grace = '1s', shutdown_grace = '100ms' }
engine = { max_runs = 1 }
[defaults]
interval = '2s'
timeout = '2s'
[checks.one]
plugin = 'sleep'
config = { time = '1800ms' }
[checks.two]
plugin = 'sleep'
config = { time = '1800ms' }
[checks.three]
plugin = 'sleep'
config = { time = '1800ms' }
[checks.four]
plugin = 'sleep'
config = { time = '1800ms' }
";
