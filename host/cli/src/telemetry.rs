//! The log of the binary: text for people, JSON for machines. The library installs none of it.
//!
//! A thread of its own writes the lines: who reads them slowly, or not at all, holds up nothing but
//! them. What finds no room meanwhile is dropped, counted and said.

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
use tracing_subscriber::filter::ParseError;

use vitals_host::config::{LogFormat, Logging};

pub(crate) use self::filter::fault;

/// The log, to be kept until the program ends: what was logged last is written when it is dropped.
#[derive(Debug)]
#[must_use = "lines are written for as long as it is there"]
pub(crate) struct Log {
    lost: Lost,
    writer: Option<WorkerGuard>,
}

/// Sends log lines to standard error, those about panics among them. To be called once, by a program
/// that has no subscriber of its own.
///
/// # Errors
///
/// A filter that can't be read.
pub(crate) fn start(logging: &Logging) -> Result<Log, ParseError> {
    let filter = EnvFilter::try_new(logging.filter.as_deref().unwrap_or(DEFAULT_FILTER))?;
    let failed = Arc::default();
    let stderr = Stderr(Arc::clone(&failed));
    let (queue, writer) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUED_LINES)
        .thread_name("vitals-log")
        .finish(stderr);
    let lost = Lost {
        crowded_out: queue.error_counter(),
        failed,
        told: Arc::default(),
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
    // The one of the standard library writes to standard error itself, and waits for its reader.
    std::panic::set_hook(Box::new(log_panic));
    let writer = Some(writer);
    Ok(Log { lost, writer })
}

impl Log {
    /// Says how many lines were lost, soon after they were, for as long as it is polled.
    pub(crate) fn tell_of_lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let lost = self.lost.clone();
        async move {
            loop {
                tokio::time::sleep(BETWEEN_LOOKS).await;
                lost.tell();
            }
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lost.tell();
        let writer = self.writer.take();
        // Beside this thread: it says on standard output where it can't end, which may be the same
        // pipe that nobody reads.
        let (ended, end) = mpsc::channel();
        let closing = thread::Builder::new().spawn(move || {
            drop(writer);
            // Nobody waits for it where it took too long.
            let _ = ended.send(());
        });
        if closing.is_ok() {
            let _ = end.recv_timeout(CLOSING_TIME);
        }
    }
}

/// Lines that nobody will read.
#[derive(Clone, Debug)]
struct Lost {
    crowded_out: ErrorCounter,
    failed: Arc<AtomicUsize>,
    /// How many of them have been told of.
    told: Arc<AtomicUsize>,
}

impl Lost {
    fn count(&self) -> usize {
        let failed = self.failed.load(Ordering::Relaxed);
        self.crowded_out.dropped_lines().saturating_add(failed)
    }

    /// Says how many there are since that was last said. Where the line itself is lost it is said
    /// again, with more.
    fn tell(&self) {
        let (told, lost) = (self.told.load(Ordering::Relaxed), self.count());
        if lost > told {
            tracing::warn!(
                lines = lost - told,
                "log lines were lost, their reader is too slow or gone"
            );
            if self.count() == lost {
                self.told.store(lost, Ordering::Relaxed);
            }
        }
    }
}

/// Standard error; counts the lines that it does not take.
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

/// Says where the program's own code panicked. What it said may quote a secret: who contains the panic
/// knows which there are, takes them out and logs it.
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
/// Lines that wait to be written. With the longest that guests can write it is some 40 MiB; it is to be
/// more than thousands of checks say at start.
const QUEUED_LINES: usize = 16 << 10;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// More than the writer gives its reader at the end.
const CLOSING_TIME: Duration = Duration::from_secs(2);
