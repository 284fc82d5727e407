//! A small web service that embeds the vitals host: its own pages and `/health`, the host's probes,
//! native checks, a metric, and every plugin that is dropped into `plugins`.
//!
//! Run `cargo run -p vitals-example-embed`, then `curl -X POST http://127.0.0.1:8080/orders`, and
//! `curl http://127.0.0.1:8080/health/checks/orders` or `…/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use tokio::net::{TcpListener, TcpStream};
use vitals_host::check::count;
use vitals_host::config::{CheckBuilder, Config, Diagnostics};
use vitals_host::metrics::Counter;
use vitals_host::{Host, Outcome};

/// More waiting orders than this are degraded.
const MAX_WAITING: usize = 100;

/// The state of the service.
#[derive(Default)]
struct Shop {
    waiting: AtomicUsize,
}

impl Shop {
    fn check(&self) -> Outcome {
        let waiting = self.waiting.load(Ordering::Relaxed);
        let outcome = match waiting {
            0..=MAX_WAITING => Outcome::healthy(""),
            _ => Outcome::degraded(format!("more than {MAX_WAITING} orders wait")),
        };
        outcome.measure(count("orders_waiting", waiting).degraded_above(MAX_WAITING))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // A missing plugins directory would make the verdict degraded.
    tokio::fs::create_dir_all("plugins").await?;
    let shop = Arc::new(Shop::default());
    let host = Arc::new(start_host(config()?, Arc::clone(&shop)).await?);
    let app = service(shop, Arc::clone(&host))?;
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    let address = listener.local_addr()?;
    // Checks can be added and removed while the host runs.
    host.register("listener", move || async move {
        let connected = TcpStream::connect(address).await;
        connected.map(|_| Outcome::healthy("accepts connections"))
    })?;
    // The host becomes unready and finishes its runs first, so that load balancers see 503 and stop
    // sending traffic. Then the server stops accepting connections and finishes its responses.
    let shutdown = async move {
        let _ = tokio::signal::ctrl_c().await;
        host.shutdown().await;
    };
    axum::serve(listener, app)
        .with_graceful_shutdown(shutdown)
        .await?;
    Ok(())
}

/// The configuration of the host, with the keys that `vitals.toml` has. `"...".parse()` reads the
/// same from TOML. `orders` sets the schedule of the native check of that name.
fn config() -> Result<Config, Diagnostics> {
    let orders = CheckBuilder::native().interval(Duration::from_secs(5));
    Config::builder()
        .metrics(|metrics| metrics.enabled = true)
        .check("orders", orders)
        .build()
}

/// Starts the host with the check `orders`.
async fn start_host(config: Config, shop: Arc<Shop>) -> anyhow::Result<Host> {
    let builder = Host::builder().config(config);
    let builder = builder.check("orders", move || std::future::ready(shop.check()));
    Ok(builder.start().await?)
}

/// The pages of the service, including its own `/health`, and the other pages of the host.
fn service(shop: Arc<Shop>, host: Arc<Host>) -> anyhow::Result<Router> {
    let probes = host.probes_router();
    let metrics = host.metrics();
    let counted = metrics.counter("shop_orders_total", "Orders received.", &[])?;
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
