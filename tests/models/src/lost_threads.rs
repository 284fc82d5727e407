//! The pool for blocking calls: every call returns, and no thread is left over.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use loom::future::block_on;
use loom::sync::Notify;
use loom::thread;

use crate::blocking_pool::{BlockingPool, PoolError, Work};

/// Explores all interleavings with at most this many preemptions; without the bound there are too
/// many.
fn model(preemptions: usize, steps: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(steps);
}

/// A lost wake-up is a deadlock, and so is a thread that does not end with the pool.
#[test]
fn two_calls_of_one_thread_both_return() {
    model(2, || {
        let pool = Arc::new(BlockingPool::with_max_threads(Work::Files, 1));
        let other = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || block_on(pool.run("other", || 1)))
        };
        let here = block_on(pool.run("here", || 2));
        let other = other.join().expect("it does not panic");
        assert!(matches!((here, other), (Ok(2), Ok(1))));
    });
}

/// If the only thread is busy, another one is started: here the first call waits for the second.
#[test]
fn a_call_does_not_wait_for_a_thread_that_is_busy() {
    model(1, || {
        let pool = Arc::new(BlockingPool::with_max_threads(Work::Files, 2));
        assert!(block_on(pool.run("earlier", || ())).is_ok());
        let begun = Arc::new(Notify::new());
        let other = {
            let (pool, begun) = (Arc::clone(&pool), Arc::clone(&begun));
            thread::spawn(move || block_on(pool.run("other", move || begun.wait())))
        };
        assert!(block_on(pool.run("here", move || begun.notify())).is_ok());
        assert!(other.join().expect("it does not panic").is_ok());
    });
}

/// A cancelled call blocks at most one thread of its caller, and none of others.
#[test]
fn a_cancelled_call_blocks_no_other_caller() {
    model(2, || {
        let pool = BlockingPool::with_max_threads(Work::Files, 2);
        {
            let mut cancelled = pin!(pool.run("here", || ()));
            let mut context = Context::from_waker(Waker::noop());
            let _ = cancelled.as_mut().poll(&mut context);
        }
        assert!(matches!(block_on(pool.run("other", || 1)), Ok(1)));
        let again = block_on(pool.run("here", || 2));
        assert!(matches!(again, Ok(2) | Err(PoolError::Stuck(Work::Files))));
    });
}
