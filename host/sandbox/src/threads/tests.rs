//! The guest threads.

use std::sync::mpsc;

use super::*;

/// Keeps the only thread until it is told to go on.
fn occupy_thread(threads: &GuestThreads) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let (started, has_started) = mpsc::channel();
    let work = async move {
        started.send(()).expect("the test waits for it");
        // A sender that is gone tells it too.
        let _ = released.recv();
    };
    threads.run(work).detach();
    has_started.recv().expect("the thread takes it");
    release
}

fn single_thread() -> GuestThreads {
    GuestThreads::start(1).expect("a thread")
}

#[tokio::test]
async fn a_panic_comes_back_as_a_value_and_costs_no_thread() {
    let threads = single_thread();
    let Err(panic) = threads.run(async { panic!("on purpose") }).await;
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
    assert_eq!(threads.run(async { 7 }).await.ok(), Some(7));
}

#[tokio::test]
async fn dropping_what_runs_cancels_it() {
    let threads = single_thread();
    let (kept, alive) = mpsc::channel::<()>();
    let task = threads.run(async move {
        let _kept = kept;
        std::future::pending::<()>().await;
    });
    drop(task);
    let end = alive.recv_timeout(Duration::from_secs(20));
    assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected));
}

#[tokio::test]
async fn queued_tasks_are_dropped_with_the_threads() {
    let threads = single_thread();
    let release = occupy_thread(&threads);
    let (kept, alive) = mpsc::channel::<()>();
    threads.run(async move { drop(kept) }).detach();
    drop(threads);
    let end = alive.recv_timeout(Duration::from_secs(20));
    assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected));
    drop(release);
}

#[tokio::test]
async fn overdue_tasks_run_first() {
    let threads = single_thread();
    let (sender, receiver) = mpsc::channel();
    let report = |word, ahead: Option<Duration>| {
        let sender = sender.clone();
        async move {
            let due = ahead.map(|ahead| with_deadline(Instant::now() + ahead));
            futures_lite::future::yield_now().await;
            drop(due);
            sender.send(word).expect("the test listens");
        }
    };
    let release = occupy_thread(&threads);
    let hour = Duration::from_hours(1);
    threads.run(report("open", None)).detach();
    threads.run(report("in an hour", Some(hour))).detach();
    threads
        .run(report("overdue", Some(Duration::ZERO)))
        .detach();
    drop(release);
    let first = receiver.recv_timeout(Duration::from_secs(20));
    assert_eq!(first, Ok("overdue"));
}

#[tokio::test]
async fn a_task_that_blocks_its_thread_does_not_delay_timers() {
    let threads = GuestThreads::start(2).expect("two threads");
    let mut stall_guard = threads.stall_guard();
    let (release, released) = mpsc::channel::<()>();
    let blocks_thread = async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        // The end of the test tells it too.
        let _ = released.recv();
    };
    let (sender, receiver) = mpsc::channel();
    let wakes_up = async move {
        tokio::time::sleep(Duration::from_millis(60)).await;
        sender.send(()).expect("the test listens");
    };
    threads.run(blocks_thread).detach();
    threads.run(wakes_up).detach();
    let patience = Instant::now() + Duration::from_secs(20);
    while receiver.recv_timeout(Duration::from_millis(1)).is_err() {
        assert!(Instant::now() < patience, "nobody looks at the timers");
        stall_guard.check();
    }
    drop(release);
}
