//! Asks a host for `/health/live` over new connections, all the while that a case runs.
//!
//! It has a thread of its own, so that nothing in the suite can hold it up.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A thread that probes a host; it ends when this is dropped.
pub(super) struct Watchdog {
    observed: Arc<Mutex<Observed>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the probes saw since they were last asked about.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    /// The slowest answer; a probe that fails counts with the time until it failed.
    pub(super) slowest: Duration,
    /// The first probe that was not answered with 200.
    pub(super) failure: Option<String>,
}

impl Watchdog {
    pub(super) fn start(address: SocketAddr) -> Self {
        let observed = Arc::<Mutex<Observed>>::default();
        let stop = Arc::<AtomicBool>::default();
        let (records, stopped) = (Arc::clone(&observed), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let started = Instant::now();
                let failure = probe(address).err();
                let took = started.elapsed();
                let mut observed = records.lock().unwrap_or_else(PoisonError::into_inner);
                observed.slowest = observed.slowest.max(took);
                if observed.failure.is_none() {
                    observed.failure = failure;
                }
                drop(observed);
                thread::park_timeout(PAUSE);
            }
        });
        Self {
            observed,
            stop,
            thread: Some(thread),
        }
    }

    /// What was seen since the last call. A probe that still waits for its answer belongs to the
    /// next.
    pub(super) fn take(&self) -> Observed {
        std::mem::take(&mut *self.observed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic in it has been shown.
            let _ = thread.join();
        }
    }
}

/// One probe, as Kubernetes makes it: a new connection, one request.
fn probe(address: SocketAddr) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("`/health/live` is not answered: {error}");
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.write_all(REQUEST))
        .map_err(failed)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(failed)?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let answer = String::from_utf8_lossy(&answer);
    let body = answer.lines().last().unwrap_or_default();
    Err(format!("`/health/live` says {body}"))
}

const REQUEST: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(5);
