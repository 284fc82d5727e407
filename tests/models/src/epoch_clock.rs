//! The epoch clock never dozes during a run.

use loom::sync::Arc;
use loom::thread;

use self::idle_detector::IdleDetector;

#[path = "../../../host/sandbox/src/engine/idle_detector.rs"]
mod idle_detector;

/// The clock continues only when something wakes it: a run that it misses is a deadlock.
#[test]
fn a_run_that_begins_keeps_the_clock_awake_or_wakes_it() {
    loom::model(|| {
        let idle_detector = Arc::new(IdleDetector::new());
        let clock = {
            let idle_detector = Arc::clone(&idle_detector);
            thread::spawn(move || {
                while idle_detector.try_idle() {
                    thread::park();
                }
            })
        };
        let run = {
            let (idle_detector, clock) = (Arc::clone(&idle_detector), clock.thread().clone());
            thread::spawn(move || {
                if idle_detector.run_started() {
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
        let idle_detector = Arc::new(IdleDetector::new());
        let run = {
            let idle_detector = Arc::clone(&idle_detector);
            thread::spawn(move || {
                idle_detector.run_started();
                idle_detector.run_ended();
            })
        };
        idle_detector.try_idle();
        run.join().expect("it does not panic");
        idle_detector.try_idle();
        assert!(idle_detector.try_idle(), "it ticks without a run");
    });
}
