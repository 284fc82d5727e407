//! Tests of schedules with scripted probes, in real time.

mod breaker;
mod panics;
mod trial_run;

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::*;
use vitals_model::{Activity, Code, Outcome, RunError, RunReport, Status, Thresholds};

/// A probe that sleeps, and counts its runs.
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
    waits: Mutex<Vec<(CheckName, Duration)>>,
    panicked: Mutex<Vec<CheckName>>,
}

impl Results for Collect {
    fn finished(&self, run: FinishedRun) {
        let _ = self.finished.send(run);
    }

    fn skipped(&self, _check: &CheckName, reason: Skipped, count: u64) {
        let count = usize::try_from(count).unwrap();
        let mut skipped = self.skipped.lock().unwrap();
        skipped.extend(std::iter::repeat_n(reason, count));
    }

    fn waited(&self, check: &CheckName, time: Duration) {
        self.waits.lock().unwrap().push((check.clone(), time));
    }

    fn panicked(&self, check: &CheckName, _what: &str) {
        self.panicked.lock().unwrap().push(check.clone());
    }
}

fn schedule(max_runs: usize) -> (Schedule, mpsc::UnboundedReceiver<FinishedRun>, Arc<Collect>) {
    let (finished, received) = mpsc::unbounded_channel();
    let collect = Arc::new(Collect {
        finished,
        skipped: Mutex::default(),
        waits: Mutex::default(),
        panicked: Mutex::default(),
    });
    (
        Schedule::new(max_runs, Arc::clone(&collect) as _),
        received,
        collect,
    )
}

fn job(name: &str, interval: Duration, probe: Arc<dyn Probe>) -> Arc<Job> {
    let thresholds = Thresholds::new(1.try_into().unwrap(), 1.try_into().unwrap());
    let timing = Timing {
        interval,
        timeout: interval,
        retry_interval: interval,
        thresholds,
    };
    Arc::new(Job {
        name: name.parse().unwrap(),
        job_generation: JobGeneration::default(),
        timing,
        probe,
        first_run: None,
    })
}

/// Waits until a condition holds, for at most ten seconds.
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
    schedule.upsert(job("a", interval, Arc::new(Sleeper::new(Duration::ZERO))));
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
async fn concurrent_runs_are_limited_by_permits() {
    let (schedule, mut finished, collect) = schedule(3);
    let sleeper = Arc::new(Sleeper::new(Duration::from_millis(20)));
    for number in 0..9 {
        let probe = Arc::clone(&sleeper) as Arc<dyn Probe>;
        schedule.upsert(job(&format!("a{number}"), Duration::from_mins(1), probe));
    }
    for _ in 0..9 {
        let run = finished.recv().await.unwrap();
        assert_eq!(run.status, Status::Healthy, "waiting is not failing");
    }
    assert_eq!(sleeper.most.load(Ordering::SeqCst), 3);
    assert!(collect.skipped.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_run_without_a_permit_is_skipped_and_counted() {
    let (schedule, mut finished, collect) = schedule(1);
    let hog = Arc::new(Sleeper::new(Duration::from_millis(200)));
    schedule.upsert(job("hog", Duration::from_secs(1000), Arc::clone(&hog) as _));
    eventually("a run of the hog", || hog.began.load(Ordering::SeqCst) == 1).await;
    let quick = Arc::new(Sleeper::new(Duration::ZERO));
    schedule.upsert(job("quick", Duration::from_millis(20), quick));
    let run = finished.recv().await.unwrap();
    assert_eq!(run.check.as_str(), "hog");
    assert!(collect.skipped.lock().unwrap().contains(&Skipped::Busy));
    let run = finished.recv().await.unwrap();
    assert_eq!((run.check.as_str(), run.status), ("quick", Status::Healthy));
}

#[tokio::test]
async fn runs_due_during_a_long_run_are_counted_as_late() {
    let (schedule, mut finished, collect) = schedule(8);
    let slow = Arc::new(Sleeper::new(Duration::from_millis(100)));
    schedule.upsert(job("slow", Duration::from_millis(20), slow));
    finished.recv().await.unwrap();
    let skipped = collect.skipped.lock().unwrap();
    let late = skipped.iter().filter(|it| **it == Skipped::Late).count();
    assert!(late >= 5, "{skipped:?}");
}

#[tokio::test]
async fn a_new_job_replaces_the_old_one_at_once() {
    let (schedule, mut finished, _) = schedule(8);
    let hour = Duration::from_hours(1);
    schedule.upsert(job("a", hour, Arc::new(Sleeper::new(Duration::ZERO))));
    finished.recv().await.unwrap();
    let next = Arc::new(Sleeper::new(Duration::from_millis(1)));
    schedule.upsert(job("a", hour, Arc::clone(&next) as _));
    finished.recv().await.unwrap();
    assert_eq!(next.began.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_removed_check_stops_without_a_result() {
    let (schedule, mut finished, _) = schedule(8);
    let sleeper = Arc::new(Sleeper::new(Duration::from_millis(50)));
    schedule.upsert(job(
        "a",
        Duration::from_millis(50),
        Arc::clone(&sleeper) as _,
    ));
    eventually("a run", || sleeper.began.load(Ordering::SeqCst) == 1).await;
    schedule.remove(&"a".parse().unwrap());
    eventually("an empty slot", || schedule.in_flight() == 0).await;
    let other = Arc::new(Sleeper::new(Duration::from_millis(200)));
    schedule.upsert(job("other", Duration::from_mins(1), other));
    assert_eq!(finished.recv().await.unwrap().check.as_str(), "other");
    assert_eq!(sleeper.began.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn shutdown_gives_runs_in_flight_the_grace_period() {
    for (grace, dropped, results) in [(10_000, 0, 1), (20, 1, 0)] {
        let (schedule, mut finished, _) = schedule(8);
        let sleeper = Arc::new(Sleeper::new(Duration::from_millis(500)));
        schedule.upsert(job("a", Duration::from_secs(10), Arc::clone(&sleeper) as _));
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

type Make = Box<dyn Fn(usize) -> RunReport + Send + Sync>;

/// A probe whose runs end at once with a scripted report.
struct Scripted {
    made: AtomicUsize,
    make: Make,
}

fn scripted(make: impl Fn(usize) -> RunReport + Send + Sync + 'static) -> Arc<dyn Probe> {
    let make: Make = Box::new(make);
    let made = AtomicUsize::new(0);
    Arc::new(Scripted { made, make })
}

impl Probe for Scripted {
    fn run(&self, _previous: Option<Status>) -> Pin<Box<dyn Future<Output = RunReport> + Send>> {
        // A panic of `make` happens in the probe itself, before it returns a future.
        let report = (self.make)(self.made.fetch_add(1, Ordering::SeqCst));
        Box::pin(async { report })
    }
}

fn healthy() -> RunReport {
    RunReport::answered(Outcome::healthy(""), Duration::ZERO)
}

fn ended_by(code: Code) -> RunReport {
    RunReport::failed(RunError::new(code, "ended"), Duration::ZERO)
}

fn timed_out(activity: Activity) -> RunReport {
    let error = RunError::new(Code::Timeout, "too long");
    RunReport::failed(error.with_activity(activity), Duration::ZERO)
}

const BRIEF: Duration = Duration::from_millis(30);

#[tokio::test]
async fn permits_are_granted_in_the_order_of_requests() {
    let (schedule, mut finished, collect) = schedule(1);
    let hog = || Arc::new(Sleeper::new(Duration::from_millis(150)));
    let long = Duration::from_hours(1);
    let first = hog();
    schedule.upsert(job("hog0", long, Arc::clone(&first) as _));
    eventually("a run of the first", || {
        first.began.load(Ordering::SeqCst) == 1
    })
    .await;
    // Its waits exceed the interval several times before the permit is free, and it keeps its place
    // in the queue.
    schedule.upsert(job(
        "quick",
        Duration::from_millis(20),
        scripted(|_| healthy()),
    ));
    let skips = || collect.skipped.lock().unwrap().len();
    eventually("a run that was left out", || skips() >= 1).await;
    for number in 1..4 {
        schedule.upsert(job(&format!("hog{number}"), long, hog()));
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        let run = finished.recv().await.unwrap();
        order.push(run.check.to_string());
        assert_eq!(run.status, Status::Healthy);
    }
    assert_eq!(order[..2], ["hog0", "quick"], "{order:?}");
    let waits = collect.waits.lock().unwrap();
    let of_quick: Vec<_> = waits
        .iter()
        .filter(|(name, _)| name.as_str() == "quick")
        .collect();
    assert!(
        of_quick.len() >= 2,
        "waits without a permit count too: {waits:?}"
    );
    assert!(of_quick[0].1 >= Duration::from_millis(20), "{waits:?}");
    let of_first = waits.iter().find(|(name, _)| name.as_str() == "hog0");
    assert!(
        of_first.is_some(),
        "waits of zero length count too: {waits:?}"
    );
}

#[tokio::test]
async fn a_run_that_the_host_lacks_resources_for_is_skipped() {
    let (schedule, mut finished, collect) = schedule(8);
    let make = |number| match number {
        0 => ended_by(Code::Full),
        _ => healthy(),
    };
    schedule.upsert(job("a", BRIEF, scripted(make)));
    assert_eq!(finished.recv().await.unwrap().status, Status::Healthy);
    assert_eq!(*collect.skipped.lock().unwrap(), [Skipped::Full]);
    assert!(collect.panicked.lock().unwrap().is_empty());
}

/// A probe that blocks its thread.
struct Blocker(Arc<Sleeper>);

impl Probe for Blocker {
    fn run(&self, _previous: Option<Status>) -> Pin<Box<dyn Future<Output = RunReport> + Send>> {
        let (running, most) = (Arc::clone(&self.0.running), Arc::clone(&self.0.most));
        let time = self.0.time;
        self.0.began.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let over = Instant::now() + time;
            while Instant::now() < over {
                std::hint::spin_loop();
            }
            running.fetch_sub(1, Ordering::SeqCst);
            healthy()
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_check_that_is_removed_and_added_does_not_overlap_itself() {
    let (schedule, mut finished, _) = schedule(8);
    let sleeper = Arc::new(Sleeper::new(Duration::from_millis(200)));
    let blocker = || Arc::new(Blocker(Arc::clone(&sleeper))) as Arc<dyn Probe>;
    let name = "a".parse().unwrap();
    schedule.upsert(job("a", Duration::from_mins(1), blocker()));
    eventually("a run", || sleeper.began.load(Ordering::SeqCst) == 1).await;
    // Twice, because the second loop waits for one that never made a run.
    for _ in 0..2 {
        schedule.remove(&name);
        schedule.upsert(job("a", Duration::from_mins(1), blocker()));
    }
    let run = finished.recv().await.unwrap();
    assert_eq!(run.status, Status::Healthy);
    assert_eq!(sleeper.began.load(Ordering::SeqCst), 2);
    assert_eq!(sleeper.most.load(Ordering::SeqCst), 1);
}
