//! The cost of observability: a run with metrics and reports enabled against one with both disabled, and a
//! scrape of 10,000 checks.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener as Silent, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use tokio::net::TcpListener;

use crate::fleet::{Fleet, Reporting};
use crate::pages::{body_of, read_response};
use crate::rounds::Figures;
use crate::table::{Bound, Row};

pub(crate) async fn rows(guest: &Path) -> Result<Vec<Row>> {
    // Accepts connections and never responds: an error tracker must cost nothing without errors.
    let tracker = Silent::bind(("127.0.0.1", 0))?;
    let all = Reporting {
        metrics: true,
        tracker: Some(tracker.local_addr()?),
    };
    let metrics = Reporting {
        tracker: None,
        ..all
    };
    let sets = [Reporting::default(), metrics, all];
    let [mut none, mut metrics_only, mut both] = std::array::from_fn(|_| Figures::default());
    for _ in 0..ROUNDS {
        for (reporting, figures) in sets.iter().zip([&mut none, &mut metrics_only, &mut both]) {
            figures
                .round(async || {
                    let fleet = Fleet::with(guest, 100, INTERVAL, *reporting).await?;
                    let figure = fleet.micros_per_due_run().await?;
                    fleet.stop().await;
                    Ok(figure)
                })
                .await?;
        }
    }
    let row = |what, measured| Row {
        what,
        unit: "µs",
        measured,
        baseline: none.clone(),
        bound: Bound::AtMost(1.05),
    };
    Ok(vec![
        row("one run of an empty check, metrics on / off", metrics_only),
        row(
            "one run of an empty check, metrics and Sentry on / both off",
            both,
        ),
        scrape(guest).await?,
    ])
}

/// A scrape of 10,000 checks, against a constant of that size from the same server.
async fn scrape(guest: &Path) -> Result<Row> {
    let fleet = Fleet::start(guest, 10_000, Duration::from_secs(10)).await?;
    let page: Bytes = body_of(&fleet.host, "/metrics").await?;
    let size = page.len();
    let constant = get(move || {
        let body = page.clone();
        async move { body }
    });
    let router = fleet
        .host
        .router()
        .merge(Router::new().route("/constant", constant));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let Fleet { host, .. } = fleet;
    let serving = tokio::spawn(host.serve_router(router, listener, async {
        // A dropped sender also shuts the server down.
        let _ = ended.await;
    }));
    let (mut scrapes, mut constants) = (Figures::default(), Figures::default());
    for _ in 0..SCRAPES {
        scrapes.push(millis(address, "/metrics", size).await?);
        constants.push(millis(address, "/constant", size).await?);
    }
    drop(end);
    serving.await?;
    Ok(Row {
        what: "GET /metrics with 10,000 checks / a constant of that size",
        unit: "ms",
        measured: scrapes,
        baseline: constants,
        bound: Bound::None,
    })
}

/// The time of one response to its last byte, in milliseconds.
async fn millis(address: SocketAddr, path: &'static str, size: usize) -> Result<f64> {
    let ask = move || {
        let mut stream = TcpStream::connect(address)?;
        // Leave room for numbers that grow by a digit.
        let mut buffer = vec![0; size + size / 8];
        let started = Instant::now();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
        read_response(&mut stream, &mut buffer)?;
        Ok::<Duration, anyhow::Error>(started.elapsed())
    };
    let took: Duration = tokio::task::spawn_blocking(ask).await??;
    Ok(took.as_secs_f64() * 1e3)
}

const ROUNDS: usize = 9;
/// Short enough that the host hardly idles, long enough that two cores make every run.
const INTERVAL: Duration = Duration::from_millis(5);
const SCRAPES: usize = 15;
