//! How many checks of a local server a second of CPU time makes: those of a host with its schedule, of
//! `blackbox_exporter`, and of the forked `check_http` and `check_tcp`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::clock::median;
use crate::fleet::{Fleet, Outlets};
use crate::plugins;
use crate::served::Served;
use crate::table::{self, Bound, Row};

/// A kind of check, and what it is called by everybody.
struct Kind {
    plugin: &'static str,
    /// The line of the check's table.
    line: fn(SocketAddr) -> String,
    module: &'static str,
    target: fn(SocketAddr) -> String,
    forked: &'static str,
    arguments: fn(SocketAddr) -> Vec<String>,
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
        against_exporter: "checks of a CPU-second: `http` in a host / `http_2xx` of blackbox_exporter",
        against_busy_exporter: "  beside it: five times as often / an exporter that is asked as often as it can answer",
        against_forked: "  beside it: `http` in a host / check_http, forked",
    },
    Kind {
        plugin: "tcp",
        line: |at| format!("config = {{ address = \"{at}\" }}"),
        module: "tcp_connect",
        target: |at| at.to_string(),
        forked: "check_tcp",
        arguments: |at| address(at, "-H"),
        against_exporter: "checks of a CPU-second: `tcp` in a host / `tcp_connect` of blackbox_exporter",
        against_busy_exporter: "  beside it: five times as often / an exporter that is asked as often as it can answer",
        against_forked: "  beside it: `tcp` in a host / check_tcp, forked",
    },
];

fn address(at: SocketAddr, host: &str) -> Vec<String> {
    let (ip, port) = (at.ip().to_string(), at.port().to_string());
    vec![host.to_owned(), ip, "-p".to_owned(), port]
}

pub(crate) async fn rows() -> Result<Vec<Row>> {
    let (server, plugins) = (Served::start()?, plugins::all()?);
    let exporter = found(EXPORTER, "prometheus-blackbox-exporter");
    let exporter = exporter.map(Exporter::start).transpose()?;
    let mut rows = Vec::new();
    for kind in KINDS {
        let is_it = |file: &&PathBuf| file.file_stem().is_some_and(|stem| stem == kind.plugin);
        let plugin = plugins.iter().find(is_it);
        let plugin = plugin.with_context(|| format!("there is no plugin `{}`", kind.plugin))?;
        let forked = found(
            &format!("{FORKED}/{}", kind.forked),
            "monitoring-plugins-basic",
        );
        let (mut ours, mut forks) = (Vec::new(), Vec::new());
        let (mut exported, mut busy) = (Vec::new(), Vec::new());
        let mut ours_busy = Vec::new();
        let line = (kind.line)(server.address);
        for _ in 0..crate::ROUNDS {
            ours.push(in_a_host(plugin, &line, INTERVAL).await?);
            ours_busy.push(in_a_host(plugin, &line, INTERVAL / 5).await?);
            if let Some(exporter) = &exporter {
                let target = (kind.target)(server.address);
                exported.push(exporter.checks(kind.module, &target, PAUSE).await?);
                busy.push(
                    exporter
                        .checks(kind.module, &target, Duration::ZERO)
                        .await?,
                );
            }
            if let Some(program) = &forked {
                forks.push(of_processes(program, &(kind.arguments)(server.address))?);
            }
        }
        let (ours, ours_busy) = (median(ours), median(ours_busy));
        let mut row = |what, measured, figures: Vec<f64>, bound| {
            if !figures.is_empty() {
                rows.push(Row {
                    what,
                    unit: "/s",
                    measured,
                    baseline: median(figures),
                    bound,
                });
            }
        };
        row(kind.against_exporter, ours, exported, Bound::AtLeast(4.0));
        row(kind.against_busy_exporter, ours_busy, busy, Bound::None);
        row(kind.against_forked, ours, forks, Bound::None);
    }
    Ok(rows)
}

/// A program, if it is there; else says how it comes there.
fn found(program: &str, package: &str) -> Option<PathBuf> {
    let path = PathBuf::from(program);
    if !path.exists() {
        table::print(&format!(
            "no rows against {program}, which is not there: type `apt-get install {package}` as root"
        ));
        return None;
    }
    Some(path)
}

/// A host with its schedule: all the CPU time of the process that it is in.
async fn in_a_host(plugin: &Path, line: &str, interval: Duration) -> Result<f64> {
    let outlets = Outlets {
        metrics: true,
        tracker: None,
    };
    let fleet = Fleet::told(plugin, CHECKS, interval, outlets, line).await?;
    let micros = fleet.micros_per_run().await?;
    let health = fleet.health().await?;
    anyhow::ensure!(
        health["status"] == "healthy",
        "the checks are not healthy: {}",
        health["checks"][0]
    );
    fleet.stop().await;
    Ok(1e6 / micros)
}

/// Programs that are started for each check, one after the other: the CPU time of their processes from
/// the moment that they are there.
fn of_processes(program: &Path, arguments: &[String]) -> Result<f64> {
    let before = ended_children()?;
    for _ in 0..FORKS {
        let status = Command::new(program)
            .args(arguments)
            .stdout(Stdio::null())
            .status()?;
        anyhow::ensure!(status.success(), "{} ended in {status}", program.display());
    }
    Ok(f64::from(FORKS) / (ended_children()? - before))
}

/// A running `blackbox_exporter`. It ends when this is dropped.
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
        // Nobody else takes it in the meantime, most probably.
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

    /// Has it check for a while, each client once in `every` or as soon as it has its answer, over a few
    /// connections that stay open as those of Prometheus do.
    async fn checks(&self, module: &str, target: &str, every: Duration) -> Result<f64> {
        let request =
            format!("GET /probe?module={module}&target={target} HTTP/1.1\r\nHost: bench\r\n\r\n");
        let before = self.cpu_seconds()?;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (request, address) = (request.clone(), self.address);
                tokio::task::spawn_blocking(move || ask(address, &request, every))
            })
            .collect();
        let mut checks = 0;
        for client in clients {
            checks += client.await??;
        }
        Ok(f64::from(checks) / (self.cpu_seconds()? - before))
    }

    fn cpu_seconds(&self) -> Result<f64> {
        // Its own user and system time.
        cpu_of(&self.child.id().to_string(), 11)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended; there is nobody to tell of it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(address: SocketAddr, request: &str, every: Duration) -> Result<u32> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 << 10];
    let (started, mut checks) = (Instant::now(), 0);
    while started.elapsed() < ROUND {
        std::thread::park_timeout((every * checks).saturating_sub(started.elapsed()));
        stream.write_all(request.as_bytes())?;
        let answer = whole(&mut stream, &mut buffer)?;
        anyhow::ensure!(
            answer.contains("\nprobe_success 1\n"),
            "the exporter answers {answer}"
        );
        checks += 1;
    }
    Ok(checks)
}

/// The body of an answer, whether its end is said by a length or by a last chunk.
fn whole(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<String> {
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
            None => joined(body),
        };
        if let Some(body) = whole {
            return Ok(body);
        }
    }
}

/// What chunks come to; nothing while the last one is not there.
fn joined(mut chunks: &str) -> Option<String> {
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

/// The CPU time of the children that have ended.
fn ended_children() -> Result<f64> {
    cpu_of("self", 13)
}

/// Two fields of a process, user and system time in seconds; they are counted from 0 behind its name.
fn cpu_of(process: &str, field: usize) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("a name in parentheses")?;
    let times = fields.split(' ').skip(field).take(2);
    let ticks = times.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

/// Where Debian has them.
const EXPORTER: &str = "/usr/bin/prometheus-blackbox-exporter";
const FORKED: &str = "/usr/lib/nagios/plugins";
/// A thousand checks a second: what two cores make without leaving any out.
const CHECKS: u32 = 1_000;
const INTERVAL: Duration = Duration::from_secs(1);
const CLIENTS: u32 = 8;
/// Between two checks of a client, so that all of them ask as often as the host checks.
const PAUSE: Duration = Duration::from_millis(CLIENTS as u64);
const FORKS: u32 = 300;
const ROUND: Duration = Duration::from_secs(3);
/// What Linux shows times in, on every machine that the host runs on.
const TICKS_PER_SECOND: f64 = 100.0;
