//! The log of the binary: text for people, or JSON for machines. The library does not install it.
//!
//! A thread of its own writes the lines, so that a slow or missing reader delays nothing else.
//! Lines beyond the queue are dropped, counted and reported.

mod filter;

use std::io::{self, IsTerminal as _, Write};
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use vitals_host::config::{LogFormat, Logging};

pub(crate) use self::filter::fault;

/// The log. Keep it until the program ends; the drop writes the last lines.
#[derive(Debug)]
#[must_use = "lines are written until it is dropped"]
pub(crate) struct Log {
    lost: Lost,
    writer: Option<WorkerGuard>,
}

/// Sends log lines, including those about panics, to standard error. To be called once, by a
/// program without a subscriber of its own.
/// The filter was validated by [`fault`].
pub(crate) fn start(logging: &Logging) -> Log {
    let filter = logging.filter.as_deref().unwrap_or(DEFAULT_FILTER);
    let filter = EnvFilter::try_new(filter).expect("an invalid filter is an error of the start");
    let failed = Arc::default();
    let stderr = Stderr(Arc::clone(&failed));
    let (queue, writer) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUED_LINES)
        .thread_name("vitals-log")
        .finish(stderr);
    let lost = Lost {
        dropped: queue.error_counter(),
        failed,
        reported: Arc::default(),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(queue);
    match logging.format {
        LogFormat::Json => {
            let log = log.json().flatten_event(true);
            log.with_current_span(false).with_span_list(false).init();
        }
        LogFormat::Text => {
            log.with_target(false)
                .with_ansi(io::stderr().is_terminal())
                .init();
        }
    }
    // The standard hook writes to standard error directly, and may block on its reader.
    std::panic::set_hook(Box::new(log_panic));
    Log {
        lost,
        writer: Some(writer),
    }
}

impl Log {
    /// Reports lost lines soon after the loss, as long as the future is polled.
    pub(crate) fn report_lost_lines(&self) -> impl Future<Output = ()> + Send + use<> {
        let lost = self.lost.clone();
        async move {
            loop {
                tokio::time::sleep(REPORT_INTERVAL).await;
                lost.report();
            }
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lost.report();
        let writer = self.writer.take();
        // On another thread: if the guard can't finish, it prints to standard output, which may be
        // a pipe without a reader.
        let (ended, end) = mpsc::channel();
        let closing = thread::Builder::new().spawn(move || {
            drop(writer);
            // The receiver is gone if the time limit has passed.
            let _ = ended.send(());
        });
        if closing.is_ok() {
            let _ = end.recv_timeout(CLOSE_TIMEOUT);
        }
    }
}

/// Counts lines that were lost.
#[derive(Clone, Debug)]
struct Lost {
    dropped: ErrorCounter,
    failed: Arc<AtomicUsize>,
    /// The number of lost lines that were reported.
    reported: Arc<AtomicUsize>,
}

impl Lost {
    fn count(&self) -> usize {
        let failed = self.failed.load(Ordering::Relaxed);
        self.dropped.dropped_lines().saturating_add(failed)
    }

    /// Logs how many lines were lost since the last report. If that line is itself lost, it is
    /// logged again.
    fn report(&self) {
        let (reported, lost) = (self.reported.load(Ordering::Relaxed), self.count());
        if lost > reported {
            tracing::warn!(
                lines = lost - reported,
                "log lines lost, the reader of the log is too slow or gone"
            );
            if self.count() == lost {
                self.reported.store(lost, Ordering::Relaxed);
            }
        }
    }
}

/// Standard error, with a count of lines that could not be written.
struct Stderr(Arc<AtomicUsize>);

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write(bytes)
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        if io::stderr().write_all(line).is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs where a panic occurred. The message may quote a secret, so it is logged where the panic is
/// contained and the secrets are known.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let location = panic.location().map(ToString::to_string);
    let backtrace = std::backtrace::Backtrace::capture();
    let backtrace = match backtrace.status() {
        std::backtrace::BacktraceStatus::Captured => Some(backtrace.to_string()),
        _ => None,
    };
    tracing::error!(
        location,
        thread = thread.name(),
        backtrace,
        "a thread panicked"
    );
}

const DEFAULT_FILTER: &str = "info";
/// The limit on waiting lines: some 40 MiB of the longest lines that guests can write, and more
/// than thousands of checks log at the start.
const QUEUED_LINES: usize = 16 << 10;
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Longer than the guard's own timeout for its reader.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
