//! The effect of 64 endless guests on clients of the endpoints and on well-behaved checks.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vitals_host::Host;
use vitals_host::config::Config;

use crate::pages::read_response;
use crate::rounds::Figures;
use crate::table::{Bound, Row};

/// A host on its own port, with 64 checks of one guest and five control checks.
struct EndlessHost {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    served: JoinHandle<usize>,
}

/// The figures of one round.
#[derive(Default)]
struct Observed {
    /// The p99 of each of [`PAGES`], in microseconds.
    pages: [f64; PAGES.len()],
    /// The longest run of a control check, in milliseconds.
    control_ms: f64,
    /// The lowest share of due runs that a control check made.
    on_schedule: f64,
}

/// Measures 64 endless guests against 64 that behave.
pub(crate) async fn rows(guests: &Path) -> Result<Vec<Row>> {
    let (mut quiet, mut loaded) = (Vec::new(), Vec::new());
    for _ in 0..crate::ROUNDS.div_ceil(2) {
        quiet.push(measure(guests, "hello", "30s").await?);
        loaded.push(measure(guests, "spin", "60s").await?);
    }
    let of = |observed: &[Observed], part: &dyn Fn(&Observed) -> f64| -> Figures {
        observed.iter().map(part).collect()
    };
    let mut rows = Vec::new();
    for (index, (_, what)) in PAGES.iter().enumerate() {
        rows.push(Row {
            what,
            unit: "µs",
            measured: of(&loaded, &|observed| observed.pages[index]),
            baseline: of(&quiet, &|observed| observed.pages[index]),
            bound: Bound::AtMost(2.0),
        });
    }
    let before = of(&quiet, &|observed| observed.control_ms);
    rows.push(Row {
        what: "longest run of a control check, with 64 endless guests / with 64 that behave",
        unit: "ms",
        measured: of(&loaded, &|observed| observed.control_ms),
        // At most 50 ms more.
        bound: Bound::AtMost(before.median().map_or(0.0, |ms| (ms + 50.0) / ms).round()),
        baseline: before,
    });
    rows.push(Row {
        what: "runs of a control check, made / due, with 64 endless guests / with 64 that behave",
        unit: "%",
        measured: of(&loaded, &|observed| 100.0 * observed.on_schedule),
        baseline: of(&quiet, &|observed| 100.0 * observed.on_schedule),
        bound: Bound::AtLeast(0.98),
    });
    rows.push(overrun(guests).await?);
    Ok(rows)
}

/// The longest run of 64 endless guests with a timeout of 100 ms.
async fn overrun(guests: &Path) -> Result<Row> {
    let host = EndlessHost::start(guests, "spin", "100ms").await?;
    let mut longest = 0.0_f64;
    let end = Instant::now() + ROUND;
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
        longest = longest.max(host.longest("endless-").await?);
    }
    host.stop().await?;
    Ok(Row {
        what: "longest run of 64 endless guests with a timeout of 100 ms / 100 ms",
        unit: "ms",
        measured: longest.into(),
        baseline: 100.0.into(),
        bound: Bound::AtMost(1.15),
    })
}

async fn measure(guests: &Path, guest: &str, timeout: &str) -> Result<Observed> {
    let host = EndlessHost::start(guests, guest, timeout).await?;
    let mut observed = Observed::default();
    let (before, began) = (host.runs().await?, Instant::now());
    for (p99, (path, _)) in observed.pages.iter_mut().zip(PAGES) {
        let address = host.address;
        *p99 = tokio::task::spawn_blocking(move || p99_of(address, path)).await??;
    }
    let due = began.elapsed().as_secs_f64() / INTERVAL.as_secs_f64();
    observed.on_schedule = (host.runs().await? - before) / due;
    observed.control_ms = host.longest("control-").await?;
    host.stop().await?;
    Ok(observed)
}

impl EndlessHost {
    async fn start(guests: &Path, guest: &str, timeout: &str) -> Result<Self> {
        let mut text = format!(
            "[server]\nstartup_grace = \"1s\"\n\
             [plugins]\ndir = \"\"\nlibrary = {:?}\ncache_dir = \"\"\n\
             [engine]\nmax_runs = 128\n[metrics]\nenabled = true\n",
            guests.display().to_string()
        );
        for number in 0..64 {
            write!(
                text,
                "[checks.endless-{number}]\nplugin = \"{guest}\"\ninterval = \"{timeout}\"\n\
                 timeout = \"{timeout}\"\nlimits = {{ fuel = 1_000_000_000_000_000 }}\n"
            )?;
        }
        for number in 0..CONTROL_CHECKS {
            write!(
                text,
                "[checks.control-{number}]\nplugin = \"hello\"\ninterval = \"{}ms\"\n\
                 timeout = \"{}ms\"\n",
                INTERVAL.as_millis(),
                INTERVAL.as_millis(),
            )?;
        }
        let host = Host::builder()
            .config(text.parse::<Config>()?)
            .start()
            .await?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (end, ended) = oneshot::channel::<()>();
        let served = tokio::spawn(host.serve(listener, async {
            // A dropped sender also shuts the server down.
            let _ = ended.await;
        }));
        tokio::time::sleep(WARM_UP).await;
        Ok(Self {
            address,
            end,
            served,
        })
    }

    async fn get(&self, path: &'static str) -> Result<String> {
        let address = self.address;
        let ask = move || {
            let mut stream = TcpStream::connect(address)?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            stream.write_all(request.as_bytes())?;
            let mut buffer = vec![0; 4 << 20];
            let body = read_response(&mut stream, &mut buffer)?;
            Ok(str::from_utf8(&buffer[body])?.to_owned())
        };
        tokio::task::spawn_blocking(ask).await?
    }

    /// The longest last run of the checks whose names start with `name`, in milliseconds.
    async fn longest(&self, name: &str) -> Result<f64> {
        let health: serde_json::Value = serde_json::from_str(&self.get("/health").await?)?;
        let checks = health["checks"].as_array().context("a list of checks")?;
        let of_them = checks.iter().filter(|check| {
            let known = check["name"].as_str();
            known.is_some_and(|known| known.starts_with(name))
        });
        let latencies = of_them.filter_map(|check| check["latency_ms"].as_f64());
        Ok(latencies.fold(0.0, f64::max))
    }

    /// The number of runs of the control check with the fewest runs.
    async fn runs(&self) -> Result<f64> {
        let metrics = self.get("/metrics").await?;
        let runs = metrics.lines().filter_map(|line| {
            let counter = line.strip_prefix("vitals_check_runs_total{check=\"control-")?;
            let healthy = counter.contains("result=\"healthy\"");
            healthy.then(|| counter.rsplit(' ').next()?.parse::<f64>().ok())?
        });
        runs.reduce(f64::min).context("no runs are counted")
    }

    async fn stop(self) -> Result<()> {
        drop(self.end);
        self.served.await?;
        Ok(())
    }
}

/// The 99th percentile of response times in microseconds, for one client that sends a request every
/// millisecond over a kept connection.
fn p99_of(address: SocketAddr, path: &str) -> Result<f64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut buffer = vec![0; 4 << 20];
    let mut times = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let sent = Instant::now();
        stream.write_all(request.as_bytes())?;
        read_response(&mut stream, &mut buffer)?;
        times.push(sent.elapsed().as_secs_f64() * 1e6);
        std::thread::park_timeout(Duration::from_millis(1));
    }
    times.sort_by(f64::total_cmp);
    Ok(times[REQUESTS * 99 / 100])
}

const PAGES: [(&str, &str); 3] = [
    (
        "/health",
        "p99 of /health with 64 endless guests / with 64 that behave",
    ),
    (
        "/health/live",
        "p99 of /health/live with 64 endless guests / with 64 that behave",
    ),
    (
        "/metrics",
        "p99 of /metrics with 64 endless guests / with 64 that behave",
    ),
];
const CONTROL_CHECKS: u32 = 5;
const INTERVAL: Duration = Duration::from_millis(200);
const REQUESTS: usize = 2_000;
const WARM_UP: Duration = Duration::from_secs(2);
const ROUND: Duration = Duration::from_secs(5);
