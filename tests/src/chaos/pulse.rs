//! Whether the machine stands still: a thread that has nothing to do but to be on time.
//!
//! It has the priority of guests. What it loses, checks lose through no fault of the host's, and nobody
//! could keep a schedule then.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Beats until it is dropped.
pub(super) struct Pulse {
    losses: Arc<Mutex<Vec<Loss>>>,
    _end: mpsc::Sender<()>,
}

/// A beat that came too late.
#[derive(Clone, Copy, Debug)]
struct Loss {
    at: Instant,
    late: Duration,
}

impl Pulse {
    pub(super) fn start() -> Self {
        let losses = Arc::<Mutex<Vec<Loss>>>::default();
        let (end, ended) = mpsc::channel();
        let kept = Arc::clone(&losses);
        thread::spawn(move || {
            // Where that may not be done it beats as it is.
            let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
            loop {
                let begun = Instant::now();
                if ended.recv_timeout(BEAT) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let late = begun.elapsed().saturating_sub(BEAT);
                if late > NOT_WORTH_A_WORD {
                    let at = Instant::now();
                    let mut losses = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    losses.push(Loss { at, late });
                }
            }
        });
        Self { losses, _end: end }
    }

    /// How long the machine has stood still since a moment.
    pub(super) fn lost_since(&self, moment: Instant) -> Duration {
        let losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        let later = losses.iter().rev().take_while(|loss| loss.at > moment);
        later.map(|loss| loss.late).sum()
    }

    /// Whether it stood still so lately and so long that results may be too old, or runs too slow.
    pub(super) fn is_faint(&self) -> bool {
        let lately = Instant::now().checked_sub(LATELY);
        lately.is_some_and(|lately| self.lost_since(lately) > FAINT)
    }
}

const BEAT: Duration = Duration::from_millis(20);
const NOT_WORTH_A_WORD: Duration = Duration::from_millis(100);
const FAINT: Duration = Duration::from_millis(300);
const LATELY: Duration = Duration::from_secs(10);
/// That of the host's guests.
const NICE: i32 = 10;
