//! A real host with one check whose plugin is replaced, each time by a file with a new digest.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vitals_host::Host;
use vitals_host::Reloader;
use vitals_host::check::Digest;
use vitals_host::config::Config;

use crate::pages::read_response;

/// The host, and the original file of the plugin.
pub(crate) struct ReplaceablePlugin {
    pub(crate) reloader: Reloader,
    address: SocketAddr,
    guest: Vec<u8>,
    versions: u64,
    end: oneshot::Sender<()>,
    served: JoinHandle<usize>,
    dir: tempfile::TempDir,
}

/// An installed version of the plugin.
#[derive(Clone, Copy)]
pub(crate) struct Version {
    digest: Digest,
    /// When its file was complete.
    pub(crate) since: Instant,
}

impl ReplaceablePlugin {
    /// Starts a host with the check `it` of this guest, and these lines in its table.
    pub(crate) async fn start(guest: &Path, lines: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let [plugins, cache] = ["plugins", "cache"].map(|name| dir.path().join(name));
        std::fs::create_dir(&plugins)?;
        let [plugins, cache] = [plugins, cache].map(|path| path.display().to_string());
        // With this interval, only a new version causes a run.
        let text = format!(
            "[plugins]\ndir = {plugins:?}\ncache_dir = {cache:?}\nrescan = \"1h\"\n\
             [checks.it]\nplugin = \"it\"\ndir = true\ninterval = \"1h\"\ntimeout = \"1m\"\n{lines}"
        );
        let host = Host::builder()
            .config(text.parse::<Config>()?)
            .start()
            .await?;
        let reloader = host.reloader();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (end, ended) = oneshot::channel::<()>();
        let served = tokio::spawn(host.serve(listener, async {
            // A dropped sender also shuts the server down.
            let _ = ended.await;
        }));
        let cannot = || format!("cannot read {}", guest.display());
        let guest = std::fs::read(guest).with_context(cannot)?;
        Ok(Self {
            reloader,
            address,
            guest,
            versions: 0,
            end,
            served,
            dir,
        })
    }

    /// Installs the next version atomically: the original file with a number appended.
    pub(crate) fn replace(&mut self) -> Result<Version> {
        self.versions += 1;
        let bytes = [&self.guest[..], &custom_section(self.versions)].concat();
        let digest = Digest::of(&bytes);
        // Outside the directory, so that the host sees only the complete file.
        let unfinished = self.dir.path().join("unfinished");
        std::fs::write(&unfinished, bytes)?;
        std::fs::rename(unfinished, self.path())?;
        let since = Instant::now();
        Ok(Version { digest, since })
    }

    /// Polls every millisecond until the check has a result of this version. Every response must be
    /// successful.
    pub(crate) async fn result_of(&self, version: Version) -> Result<Instant> {
        let Version { digest, since } = version;
        let (address, digest) = (self.address, digest.to_string());
        let ask = move || {
            let mut client = Client::connect(address)?;
            while since.elapsed() < PATIENCE {
                client.get("/health")?;
                let check = client.get("/health/checks/it")?;
                if check["plugin"]["digest"] == *digest && !check["checked_at"].is_null() {
                    return Ok(Instant::now());
                }
                std::thread::park_timeout(Duration::from_millis(1));
            }
            anyhow::bail!("no result of the new version within {PATIENCE:?}")
        };
        tokio::task::spawn_blocking(ask).await?
    }

    /// The compile time of the active version.
    pub(crate) async fn compile_time(&self) -> Result<Duration> {
        let address = self.address;
        let page = move || Client::connect(address)?.get("/plugins");
        let page = tokio::task::spawn_blocking(page).await??;
        let millis = page["plugins"][0]["compile_ms"].as_f64();
        Ok(Duration::from_secs_f64(
            millis.with_context(|| format!("no compile time in {page}"))? / 1e3,
        ))
    }

    pub(crate) async fn stop(self) -> Result<()> {
        drop(self.end);
        self.served.await?;
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("plugins/it.wasm")
    }
}

/// A client with a kept connection.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let buffer = vec![0; 1 << 20];
        Ok(Self { stream, buffer })
    }

    fn get(&mut self, path: &str) -> Result<Value> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.stream.write_all(request.as_bytes())?;
        let body = read_response(&mut self.stream, &mut self.buffer)?;
        Ok(serde_json::from_slice(&self.buffer[body])?)
    }
}

/// A section that changes the digest of a component and nothing else.
fn custom_section(number: u64) -> Vec<u8> {
    let name = b"vitals-bench";
    let number = number.to_le_bytes();
    let lengths = [1 + name.len() + number.len(), name.len()];
    let [size, name_size] =
        lengths.map(|length| u8::try_from(length).expect("the section is short"));
    [&[0, size, name_size], &name[..], &number].concat()
}

/// Longer than the compilation of an interpreter.
const PATIENCE: Duration = Duration::from_mins(2);
