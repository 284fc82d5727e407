//! The epoch clock never dozes during a run.

use loom::sync::Arc;
use loom::thread;

use self::pace::Pace;

#[path = "../../../host/sandbox/src/engine/pace.rs"]
mod pace;

/// The clock continues only when something wakes it: a run that it misses is a deadlock.
#[test]
fn a_run_that_begins_keeps_the_clock_awake_or_wakes_it() {
    loom::model(|| {
        let pace = Arc::new(Pace::new());
        let clock = {
            let pace = Arc::clone(&pace);
            thread::spawn(move || {
                while pace.may_doze() {
                    thread::park();
                }
            })
        };
        let run = {
            let (pace, clock) = (Arc::clone(&pace), clock.thread().clone());
            thread::spawn(move || {
                if pace.begin_run() {
                    clock.unpark();
                }
            })
        };
        run.join().expect("it does not panic");
        clock.join().expect("it does not panic");
    });
}

/// Once a run has ended and a tick has passed, the clock dozes again.
#[test]
fn a_clock_dozes_after_the_last_run() {
    loom::model(|| {
        let pace = Arc::new(Pace::new());
        let run = {
            let pace = Arc::clone(&pace);
            thread::spawn(move || {
                pace.begin_run();
                pace.end_run();
            })
        };
        pace.may_doze();
        run.join().expect("it does not panic");
        pace.may_doze();
        assert!(pace.may_doze(), "it ticks without a run");
    });
}
