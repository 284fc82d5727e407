//! A small web service with the vitals host inside: pages and a `/health` of its own, the host's
//! probes beside them, native checks, a metric, and any plugin that is dropped into `plugins`.
//!
//! `cargo run -p vitals-example-embed`, then `curl -X POST http://127.0.0.1:8080/orders` and
//! `curl http://127.0.0.1:8080/health/checks/orders` or `…/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use tokio::net::{TcpListener, TcpStream};
use vitals_host::check::count;
use vitals_host::config::Config;
use vitals_host::metrics::Counter;
use vitals_host::{Host, Outcome};

/// As `vitals.toml` has it; `[checks.<name>]` sets the schedule of a native check too.
const CONFIG: &str = r#"
    [metrics]
    enabled = true
    [checks.orders]
    interval = "5s"
"#;

/// As many orders may wait.
const MANY: usize = 100;

/// What the service is about.
#[derive(Default)]
struct Shop {
    waiting: AtomicUsize,
}

impl Shop {
    fn look(&self) -> Outcome {
        let waiting = self.waiting.load(Ordering::Relaxed);
        let outcome = match waiting {
            0..=MANY => Outcome::healthy(""),
            _ => Outcome::degraded(format!("more than {MANY} orders wait")),
        };
        outcome.measure(count("orders_waiting", waiting).degraded_above(MANY))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // A plugins directory that is not there counts as degraded.
    tokio::fs::create_dir_all("plugins").await?;
    let shop = Arc::new(Shop::default());
    let host = Arc::new(start_host(CONFIG.parse()?, Arc::clone(&shop)).await?);
    let app = service(shop, Arc::clone(&host))?;
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    let address = listener.local_addr()?;
    // Checks come and go while the host runs, too.
    let registered = host.register("listener", move || async move {
        let connected = TcpStream::connect(address).await;
        connected.map(|_| Outcome::healthy("accepts connections"))
    })?;
    // From here on it is in every answer.
    registered.applied().await?;
    // In this order: not ready, the runs in flight end, no new connections, the answers in flight
    // end. Until then who balances the load gets the 503 that sends it elsewhere.
    let ended = async move {
        let _ = tokio::signal::ctrl_c().await;
        host.shutdown().await;
    };
    axum::serve(listener, app)
        .with_graceful_shutdown(ended)
        .await?;
    Ok(())
}

/// Starts the host with the check that the service is born with.
async fn start_host(config: Config, shop: Arc<Shop>) -> anyhow::Result<Host> {
    let builder = Host::builder().config(config);
    let builder = builder.check("orders", move || std::future::ready(shop.look()));
    Ok(builder.start().await?)
}

/// The pages of the service, its own `/health` among them, and all of the host's but that one.
fn service(shop: Arc<Shop>, host: Arc<Host>) -> anyhow::Result<Router> {
    let probes = host.probes_router();
    let metrics = host.metrics();
    let counted = metrics.counter("shop_orders_total", "Orders that came in.", &[])?;
    let orders = Router::new().route("/orders", post(order));
    let orders = orders.with_state((shop, counted));
    let health = Router::new().route("/health", get(health)).with_state(host);
    Ok(orders.merge(health).merge(probes))
}

async fn health(State(host): State<Arc<Host>>) -> String {
    format!("the shop is {}", host.health())
}

async fn order(State((shop, counted)): State<(Arc<Shop>, Counter)>) {
    counted.increment();
    shop.waiting.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
