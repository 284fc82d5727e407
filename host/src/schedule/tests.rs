use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;

use super::*;
use crate::check::Outcome;

/// A check that takes a while, and counts itself.
struct Sleeper {
    time: Duration,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    began: Arc<AtomicUsize>,
}

impl Sleeper {
    fn new(time: Duration) -> Self {
        Self {
            time,
            running: Arc::default(),
            most: Arc::default(),
            began: Arc::default(),
        }
    }
}

impl Probe for Sleeper {
    fn run(&self, _previous: Option<Status>) -> Pin<Box<dyn Future<Output = RunReport> + Send>> {
        let (time, running, most) = (self.time, Arc::clone(&self.running), Arc::clone(&self.most));
        self.began.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(time).await;
            running.fetch_sub(1, Ordering::SeqCst);
            RunReport::answered(Outcome::healthy(""), time)
        })
    }
}

struct Collect {
    finished: mpsc::UnboundedSender<FinishedRun>,
    skipped: Mutex<Vec<Skipped>>,
}

impl Results for Collect {
    fn finished(&self, run: FinishedRun) {
        let _ = self.finished.send(run);
    }

    fn skipped(&self, _check: &CheckName, reason: Skipped) {
        self.skipped.lock().unwrap().push(reason);
    }
}

fn schedule(max_runs: usize) -> (Schedule, mpsc::UnboundedReceiver<FinishedRun>, Arc<Collect>) {
    let (finished, received) = mpsc::unbounded_channel();
    let collect = Arc::new(Collect {
        finished,
        skipped: Mutex::default(),
    });
    (
        Schedule::new(max_runs, Arc::clone(&collect) as _),
        received,
        collect,
    )
}

fn job(name: &str, interval: Duration, probe: Arc<dyn Probe>) -> Arc<Job> {
    let thresholds = Thresholds {
        fall: 1.try_into().unwrap(),
        rise: 1.try_into().unwrap(),
    };
    let timing = Timing {
        interval,
        timeout: interval,
        retry_interval: interval,
        thresholds,
    };
    Arc::new(Job {
        name: name.parse().unwrap(),
        placement: Placement::default(),
        timing,
        probe,
    })
}

/// Waits until something has come about, for at most ten seconds.
async fn eventually(what: &str, mut come: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(10);
    while !come() {
        assert!(Instant::now() < patience, "{what} never came about");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_check_runs_at_once_and_then_at_a_fixed_rate() {
    let (schedule, mut finished, _) = schedule(8);
    let interval = Duration::from_millis(20);
    schedule.follow(job("a", interval, Arc::new(Sleeper::new(Duration::ZERO))));
    let first = finished.recv().await.unwrap();
    assert_eq!(first.stale_at, first.next_due + 2 * interval);
    let mut due = first.next_due;
    for _ in 0..5 {
        let run = finished.recv().await.unwrap();
        let passed = run.next_due - due;
        assert!(passed >= interval, "{passed:?}");
        assert_eq!(
            passed.as_nanos() % interval.as_nanos(),
            0,
            "the phase stays: {passed:?}"
        );
        due = run.next_due;
    }
}

#[tokio::test]
async fn no_more_run_at_once_than_there_are_slots() {
    let (schedule, mut finished, collect) = schedule(3);
    let sleeper = Arc::new(Sleeper::new(Duration::from_millis(20)));
    for number in 0..9 {
        let probe = Arc::clone(&sleeper) as Arc<dyn Probe>;
        schedule.follow(job(&format!("a{number}"), Duration::from_mins(1), probe));
    }
    for _ in 0..9 {
        let run = finished.recv().await.unwrap();
        assert_eq!(run.status, Status::Healthy, "waiting is not failing");
    }
    assert_eq!(sleeper.most.load(Ordering::SeqCst), 3);
    assert!(collect.skipped.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_run_that_finds_no_slot_is_left_out_and_counted() {
    let (schedule, mut finished, collect) = schedule(1);
    let hog = Arc::new(Sleeper::new(Duration::from_millis(200)));
    schedule.follow(job("hog", Duration::from_secs(1000), Arc::clone(&hog) as _));
    eventually("a run of the hog", || hog.began.load(Ordering::SeqCst) == 1).await;
    let quick = Arc::new(Sleeper::new(Duration::ZERO));
    schedule.follow(job("quick", Duration::from_millis(20), quick));
    let run = finished.recv().await.unwrap();
    assert_eq!(run.check.as_str(), "hog");
    assert!(collect.skipped.lock().unwrap().contains(&Skipped::Busy));
    let run = finished.recv().await.unwrap();
    assert_eq!((run.check.as_str(), run.status), ("quick", Status::Healthy));
}

#[tokio::test]
async fn a_new_job_takes_the_place_of_the_old_at_once() {
    let (schedule, mut finished, _) = schedule(8);
    let hour = Duration::from_hours(1);
    schedule.follow(job("a", hour, Arc::new(Sleeper::new(Duration::ZERO))));
    finished.recv().await.unwrap();
    let next = Arc::new(Sleeper::new(Duration::from_millis(1)));
    schedule.follow(job("a", hour, Arc::clone(&next) as _));
    finished.recv().await.unwrap();
    assert_eq!(next.began.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_check_that_is_forgotten_runs_no_more_and_leaves_no_result() {
    let (schedule, mut finished, _) = schedule(8);
    let sleeper = Arc::new(Sleeper::new(Duration::from_millis(50)));
    schedule.follow(job(
        "a",
        Duration::from_millis(50),
        Arc::clone(&sleeper) as _,
    ));
    eventually("a run", || sleeper.began.load(Ordering::SeqCst) == 1).await;
    schedule.forget(&"a".parse().unwrap());
    eventually("an empty slot", || schedule.in_flight() == 0).await;
    let other = Arc::new(Sleeper::new(Duration::from_millis(200)));
    schedule.follow(job("other", Duration::from_mins(1), other));
    assert_eq!(finished.recv().await.unwrap().check.as_str(), "other");
    assert_eq!(sleeper.began.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn shutdown_gives_runs_in_flight_their_grace() {
    for (grace, dropped, results) in [(10_000, 0, 1), (20, 1, 0)] {
        let (schedule, mut finished, _) = schedule(8);
        let sleeper = Arc::new(Sleeper::new(Duration::from_millis(500)));
        schedule.follow(job("a", Duration::from_secs(10), Arc::clone(&sleeper) as _));
        eventually("a run", || sleeper.began.load(Ordering::SeqCst) == 1).await;
        assert_eq!(
            schedule.shutdown(Duration::from_millis(grace)).await,
            dropped
        );
        let mut received = 0;
        while finished.try_recv().is_ok() {
            received += 1;
        }
        assert_eq!(received, results, "grace of {grace} ms");
    }
}
