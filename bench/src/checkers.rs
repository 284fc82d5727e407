//! Checks of a local server for each second of CPU time: by a host with its schedule, by a blocking loop,
//! by `blackbox_exporter`, and by forked `check_http` and `check_tcp`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::blocking_loop;
use crate::fleet::{Fleet, Reporting};
use crate::plugins;
use crate::rounds::Figures;
use crate::table::{self, Bound, Row};
use crate::target_server::TargetServer;

/// A kind of check, with its names in the host, the exporter and the forked program.
struct Kind {
    plugin: &'static str,
    /// The line in the table of the check.
    line: fn(SocketAddr) -> String,
    module: &'static str,
    target: fn(SocketAddr) -> String,
    forked: &'static str,
    arguments: fn(SocketAddr) -> Vec<String>,
    /// What the blocking loop sends.
    request: Option<fn(SocketAddr) -> String>,
    against_loop: &'static str,
    against_exporter: &'static str,
    against_busy_exporter: &'static str,
    against_forked: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        plugin: "http",
        line: |at| format!("config = {{ url = \"http://{at}/\" }}"),
        module: "http_2xx",
        target: |at| format!("http://{at}/"),
        forked: "check_http",
        arguments: |at| address(at, "-I"),
        request: Some(|at| format!("GET / HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n")),
        against_loop: "checks of a CPU-second: `http` in a host / the same exchange in a blocking loop",
        against_exporter: "checks of a CPU-second: `http` in a host / `http_2xx` of blackbox_exporter",
        against_busy_exporter: "  beside it: five times as often / an exporter that is probed without pauses",
        against_forked: "  beside it: `http` in a host / check_http, forked",
    },
    Kind {
        plugin: "tcp",
        line: |at| format!("config = {{ address = \"{at}\" }}"),
        module: "tcp_connect",
        target: |at| at.to_string(),
        forked: "check_tcp",
        arguments: |at| address(at, "-H"),
        request: None,
        against_loop: "checks of a CPU-second: `tcp` in a host / the same exchange in a blocking loop",
        against_exporter: "checks of a CPU-second: `tcp` in a host / `tcp_connect` of blackbox_exporter",
        against_busy_exporter: "  beside it: five times as often / an exporter that is probed without pauses",
        against_forked: "  beside it: `tcp` in a host / check_tcp, forked",
    },
];

fn address(at: SocketAddr, host: &str) -> Vec<String> {
    let (ip, port) = (at.ip().to_string(), at.port().to_string());
    vec![host.to_owned(), ip, "-p".to_owned(), port]
}

pub(crate) async fn rows() -> Result<Vec<Row>> {
    let (server, plugins) = (TargetServer::start()?, plugins::all()?);
    let exporter = find_program(EXPORTER, "prometheus-blackbox-exporter");
    let exporter = exporter.map(Exporter::start).transpose()?;
    let mut rows = Vec::new();
    for kind in KINDS {
        let is_it = |file: &&PathBuf| file.file_stem().is_some_and(|stem| stem == kind.plugin);
        let plugin = plugins.iter().find(is_it);
        let plugin = plugin.with_context(|| format!("there is no plugin `{}`", kind.plugin))?;
        let forked = find_program(
            &format!("{FORKED}/{}", kind.forked),
            "monitoring-plugins-basic",
        );
        let [
            mut ours,
            mut ours_busy,
            mut limit,
            mut exported,
            mut busy,
            mut forks,
        ] = std::array::from_fn(|_| Figures::default());
        let line = (kind.line)(server.address);
        for _ in 0..crate::ROUNDS {
            for (figures, interval) in [(&mut ours, INTERVAL), (&mut ours_busy, INTERVAL / 5)] {
                figures
                    .round(async || measure_host(plugin, &line, interval).await)
                    .await?;
            }
            let request = kind.request.map(|request| request(server.address));
            limit.push(blocking_loop::exchanges(server.address, request, INTERVAL / CHECKS).await?);
            if let Some(exporter) = &exporter {
                let target = (kind.target)(server.address);
                for (figures, pause) in [(&mut exported, PAUSE), (&mut busy, Duration::ZERO)] {
                    figures
                        .round(async || exporter.checks(kind.module, &target, pause).await)
                        .await?;
                }
            }
            if let Some(program) = &forked {
                forks.push(measure_forked(program, &(kind.arguments)(server.address))?);
            }
        }
        let mut row = |what, measured, baseline: Figures, bound| {
            if !baseline.is_empty() {
                rows.push(Row {
                    what,
                    unit: "/s",
                    measured,
                    baseline,
                    bound,
                });
            }
        };
        row(kind.against_loop, ours.clone(), limit, Bound::AtLeast(0.5));
        row(
            kind.against_exporter,
            ours.clone(),
            exported,
            Bound::AtLeast(4.0),
        );
        row(kind.against_busy_exporter, ours_busy, busy, Bound::None);
        row(kind.against_forked, ours, forks, Bound::None);
    }
    Ok(rows)
}

/// Finds a program, or prints how to install it.
fn find_program(program: &str, package: &str) -> Option<PathBuf> {
    let path = PathBuf::from(program);
    if !path.exists() {
        table::print(&format!(
            "no rows against {program}, which is not installed: run `apt-get install {package}` as root"
        ));
        return None;
    }
    Some(path)
}

/// Checks for each CPU-second of this process, with a host and its schedule. `None` if the machine was
/// too busy for all checks to be healthy.
async fn measure_host(plugin: &Path, line: &str, interval: Duration) -> Result<Option<f64>> {
    let reporting = Reporting {
        metrics: true,
        tracker: None,
    };
    let fleet = Fleet::with_line(plugin, CHECKS, interval, reporting, line).await?;
    let micros = fleet.micros_per_run().await?;
    let health = fleet.health().await?;
    fleet.stop().await;
    Ok((health["status"] == "healthy").then_some(1e6 / micros))
}

/// Checks for each CPU-second of a program that is started for each check, one after the other. The time
/// of the fork itself does not count.
fn measure_forked(program: &Path, arguments: &[String]) -> Result<f64> {
    let before = children_cpu_seconds()?;
    for _ in 0..FORKS {
        let status = Command::new(program)
            .args(arguments)
            .stdout(Stdio::null())
            .status()?;
        anyhow::ensure!(status.success(), "{} ended in {status}", program.display());
    }
    Ok(f64::from(FORKS) / (children_cpu_seconds()? - before))
}

/// A running `blackbox_exporter`. Dropping it kills the process.
struct Exporter {
    child: Child,
    address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Exporter {
    fn start(program: PathBuf) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let config = directory.path().join("blackbox.yml");
        fs::write(
            &config,
            "modules:\n  http_2xx: { prober: http }\n  tcp_connect: { prober: tcp }\n",
        )?;
        // Another process could take the port in the meantime, which is unlikely.
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let exporter = Self {
            child,
            address,
            _directory: directory,
        };
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            anyhow::ensure!(Instant::now() < end, "blackbox_exporter does not come up");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(exporter)
    }

    /// Checks for each CPU-second of the exporter. A few clients probe over kept connections, like Prometheus:
    /// once in `every`, or as soon as they have a response. `None` if a probe failed because the machine
    /// was too busy.
    async fn checks(&self, module: &str, target: &str, every: Duration) -> Result<Option<f64>> {
        let request =
            format!("GET /probe?module={module}&target={target} HTTP/1.1\r\nHost: bench\r\n\r\n");
        let before = self.cpu_seconds()?;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (request, address) = (request.clone(), self.address);
                tokio::task::spawn_blocking(move || ask(address, &request, every))
            })
            .collect();
        let mut checks = Some(0);
        for client in clients {
            let count = client.await??;
            checks = checks.zip(count).map(|(sum, count)| sum + count);
        }
        let seconds = self.cpu_seconds()? - before;
        Ok(checks.map(|checks| f64::from(checks) / seconds))
    }

    fn cpu_seconds(&self) -> Result<f64> {
        // User and system time of the process itself.
        cpu_seconds_of(&self.child.id().to_string(), 11)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // An error means that the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Probes for a round and returns the number of probes, or `None` if one failed.
fn ask(address: SocketAddr, request: &str, every: Duration) -> Result<Option<u32>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 << 10];
    let (started, mut checks) = (Instant::now(), 0);
    while started.elapsed() < ROUND {
        std::thread::park_timeout((every * checks).saturating_sub(started.elapsed()));
        stream.write_all(request.as_bytes())?;
        let body = read_body(&mut stream, &mut buffer)?;
        if !body.contains("\nprobe_success 1\n") {
            return Ok(None);
        }
        checks += 1;
    }
    Ok(Some(checks))
}

/// Reads the body of a response, with a content length or in chunks.
fn read_body(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<String> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        anyhow::ensure!(read > 0, "the exporter closed the connection");
        filled += read;
        let text = str::from_utf8(&buffer[..filled])?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let mut lines = head.lines();
        let length = lines.find_map(|line| line.strip_prefix("Content-Length: "));
        let whole = match length {
            Some(length) => body.get(..length.parse()?).map(str::to_owned),
            None => dechunk(body),
        };
        if let Some(body) = whole {
            return Ok(body);
        }
    }
}

/// Joins chunks, or returns `None` until the last one is there.
fn dechunk(mut chunks: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, rest) = chunks.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        let chunk = rest.get(..length)?;
        chunks = rest.get(length + 2..)?;
        if length == 0 {
            return Some(body);
        }
        body += chunk;
    }
}

/// The CPU time of child processes that have ended.
fn children_cpu_seconds() -> Result<f64> {
    cpu_seconds_of("self", 13)
}

/// The sum of two adjacent fields in `/proc/<process>/stat`, user and system time, in seconds. Fields
/// are numbered from 0 after the name of the process.
fn cpu_seconds_of(process: &str, field: usize) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("a name in parentheses")?;
    let times = fields.split(' ').skip(field).take(2);
    let ticks = times.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

/// Paths of Debian's packages.
const EXPORTER: &str = "/usr/bin/prometheus-blackbox-exporter";
const FORKED: &str = "/usr/lib/nagios/plugins";
/// A thousand checks a second, which two cores can make without skipping any.
const CHECKS: u32 = 1_000;
const INTERVAL: Duration = Duration::from_secs(1);
const CLIENTS: u32 = 8;
/// Between two probes of a client, so that all clients probe as often as the host checks.
const PAUSE: Duration = Duration::from_millis(CLIENTS as u64);
const FORKS: u32 = 300;
const ROUND: Duration = Duration::from_secs(3);
/// The unit of times in `/proc` on Linux.
const TICKS_PER_SECOND: f64 = 100.0;
