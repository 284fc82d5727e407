//! Whether the machine stalls: a thread whose only task is to wake on time.
//!
//! It has the priority of guests. A check cannot keep its schedule while this thread cannot.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Measures stalls until it is dropped.
pub(super) struct StallMeter {
    /// The end of each stall, and how long it was.
    stalls: Arc<Mutex<Vec<(Instant, Duration)>>>,
    _stop: mpsc::Sender<()>,
}

impl StallMeter {
    pub(super) fn start() -> Self {
        let stalls = Arc::<Mutex<Vec<_>>>::default();
        let (stop, stopped) = mpsc::channel();
        let written = Arc::clone(&stalls);
        thread::spawn(move || {
            // Where that is not permitted, it measures at the priority that it has.
            let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
            let mut last = Instant::now();
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let late = last.elapsed().saturating_sub(INTERVAL);
                last = Instant::now();
                if late > SHORTEST {
                    written.lock().push((last, late));
                }
            }
        });
        Self {
            stalls,
            _stop: stop,
        }
    }

    /// How long the machine has stalled since a moment.
    pub(super) fn since(&self, moment: Instant) -> Duration {
        let stalls = self.stalls.lock();
        let later = stalls.iter().rev().take_while(|(end, _)| *end > moment);
        later.map(|(_, length)| *length).sum()
    }

    /// Whether it has stalled so long lately that results may be stale, or runs too slow.
    pub(super) fn is_stalled(&self) -> bool {
        let lately = Instant::now().checked_sub(LATELY);
        lately.is_some_and(|lately| self.since(lately) > EXCUSE)
    }
}

const INTERVAL: Duration = Duration::from_millis(20);
const SHORTEST: Duration = Duration::from_millis(100);
const EXCUSE: Duration = Duration::from_millis(300);
const LATELY: Duration = Duration::from_secs(10);
/// That of the host's guests.
const NICE: i32 = 10;
