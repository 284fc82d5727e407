//! Trial runs beside the schedule, and promotions of jobs.

use super::*;

/// A probe with a fixed message.
struct Says(&'static str);

impl Probe for Says {
    fn run(&self, _previous: Option<Status>) -> Pin<Box<dyn Future<Output = RunReport> + Send>> {
        let outcome = Outcome::healthy(self.0);
        Box::pin(async { RunReport::answered(outcome, Duration::ZERO) })
    }
}

/// A probe that is always unhealthy.
struct Fails;
impl Probe for Fails {
    fn run(&self, _: Option<Status>) -> Pin<Box<dyn Future<Output = RunReport> + Send>> {
        let outcome = Outcome::unhealthy("old");
        Box::pin(async { RunReport::answered(outcome, Duration::ZERO) })
    }
}

fn message(run: &FinishedRun) -> &str {
    run.report.outcome.message().as_str()
}

fn promotion(
    name: &str,
    interval: Duration,
    probe: Arc<dyn Probe>,
    report: RunReport,
) -> (Job, RunReport) {
    let job = job(name, interval, probe);
    (Arc::into_inner(job).expect("nobody else has it"), report)
}

#[tokio::test]
async fn a_trial_run_is_not_recorded_and_waits_for_a_run_in_flight() {
    let (schedule, mut finished, _) = schedule(8);
    let old = Arc::new(Sleeper::new(Duration::from_millis(50)));
    schedule.upsert(job("a", Duration::from_hours(1), Arc::clone(&old) as _));
    eventually("a run", || old.began.load(Ordering::SeqCst) == 1).await;
    let new = Arc::new(Sleeper {
        // Both runs count in the same history.
        running: Arc::clone(&old.running),
        most: Arc::clone(&old.most),
        ..Sleeper::new(Duration::from_millis(1))
    });
    let a = "a".parse().unwrap();
    let report = schedule.trial_run(&a, Arc::clone(&new) as _).await;
    let report = report.expect("it is followed");
    assert_eq!(report.outcome.status(), Status::Healthy);
    assert_eq!(old.most.load(Ordering::SeqCst), 1, "they overlapped");
    finished.recv().await.unwrap();
    assert!(
        finished.try_recv().is_err(),
        "the trial run was handed over"
    );
}

#[tokio::test]
async fn runs_delayed_by_a_trial_run_are_counted_as_late() {
    let (schedule, mut finished, collect) = schedule(8);
    schedule.upsert(job("a", Duration::from_millis(20), Arc::new(Says("old"))));
    finished.recv().await.unwrap();
    let new = Arc::new(Sleeper::new(Duration::from_millis(200)));
    let a = "a".parse().unwrap();
    assert!(schedule.trial_run(&a, new).await.is_some());
    eventually("late runs", || {
        let skipped = collect.skipped.lock().unwrap();
        skipped.iter().filter(|it| **it == Skipped::Late).count() >= 5
    })
    .await;
}

#[tokio::test]
async fn an_unscheduled_check_can_make_a_trial_run_and_removal_ends_it() {
    let (schedule, _finished, _) = schedule(8);
    let a = "a".parse().unwrap();
    assert!(
        schedule
            .trial_run(&a, Arc::new(Says("new")))
            .await
            .is_some()
    );
    let old = Arc::new(Sleeper::new(Duration::from_hours(1)));
    schedule.upsert(job("a", Duration::from_hours(1), Arc::clone(&old) as _));
    eventually("a run", || old.began.load(Ordering::SeqCst) == 1).await;
    let (tried, ()) = tokio::join!(schedule.trial_run(&a, Arc::new(Says("new"))), async {
        tokio::task::yield_now().await;
        schedule.remove(&a);
    });
    assert!(tried.is_none(), "it was forgotten meanwhile");
}

#[tokio::test]
async fn a_trial_run_takes_a_permit() {
    let (schedule, _finished, _) = schedule(1);
    let hog = Arc::new(Sleeper::new(Duration::from_hours(1)));
    let hour = Duration::from_hours(1);
    schedule.upsert(job("a", hour, Arc::new(Says("old"))));
    schedule.upsert(job("hog", hour, Arc::clone(&hog) as _));
    eventually("a run of the hog", || hog.began.load(Ordering::SeqCst) == 1).await;
    let a = "a".parse().unwrap();
    let tried = schedule.trial_run(&a, Arc::new(Says("new")));
    let tried = tokio::time::timeout(Duration::from_millis(50), tried).await;
    assert!(tried.is_err(), "there was no slot for it");
    schedule.remove(&"hog".parse().unwrap());
    assert!(
        schedule
            .trial_run(&a, Arc::new(Says("new")))
            .await
            .is_some()
    );
}

#[tokio::test]
async fn jobs_are_promoted_with_their_trial_runs() {
    let (schedule, mut finished, _) = schedule(8);
    let interval = Duration::from_millis(200);
    schedule.upsert(job("a", interval, Arc::new(Says("old"))));
    let old = finished.recv().await.unwrap();
    assert_eq!(message(&old), "old");
    let first_run = RunReport::answered(Outcome::healthy("first_run"), Duration::ZERO);
    let new = promotion("a", interval, Arc::new(Says("new")), first_run.clone());
    let stranger = promotion("b", interval, Arc::new(Says("new")), first_run);
    assert!(schedule.promote(stranger.0, stranger.1).is_none());
    let run = schedule.promote(new.0, new.1).expect("it is scheduled");
    assert_eq!((run.check.as_str(), message(&run)), ("a", "first_run"));
    let next = finished.recv().await.unwrap();
    assert_eq!(message(&next), "new");
    let late = Instant::now().saturating_duration_since(run.next_due);
    assert!(run.next_due <= Instant::now(), "it ran before it was due");
    // In phase with the previous job.
    let between = next.next_due.saturating_duration_since(old.next_due);
    let out = between.as_nanos() % interval.as_nanos();
    let out = out.min(interval.as_nanos() - out);
    assert!(out < 5_000_000, "{out} ns out of phase, {late:?} late");
}

#[tokio::test]
async fn the_history_survives_a_promotion() {
    let (schedule, mut finished, _) = schedule(8);
    let failing = |text: &str| RunReport::answered(Outcome::unhealthy(text), Duration::ZERO);
    let hour = Duration::from_hours(1);
    schedule.upsert(job("a", hour, Arc::new(Fails)));
    assert_eq!(finished.recv().await.unwrap().consecutive_failures, 1);
    let (job_of_a, report) = promotion("a", hour, Arc::new(Fails), failing("first_run"));
    let run = schedule.promote(job_of_a, report);
    assert_eq!(run.unwrap().consecutive_failures, 2);
    schedule.upsert(job("a", hour, Arc::new(Fails)));
    assert_eq!(finished.recv().await.unwrap().consecutive_failures, 3);
}

#[tokio::test]
async fn a_promotion_discards_the_result_of_a_run_in_flight() {
    let (schedule, mut finished, _) = schedule(8);
    let old = Arc::new(Sleeper::new(Duration::from_millis(50)));
    let hour = Duration::from_hours(1);
    schedule.upsert(job("a", hour, Arc::clone(&old) as _));
    eventually("a run", || old.running.load(Ordering::SeqCst) == 1).await;
    let first_run = RunReport::answered(Outcome::healthy("first_run"), Duration::ZERO);
    let (new, report) = promotion("a", hour, Arc::new(Says("new")), first_run);
    assert!(schedule.promote(new, report).is_some());
    eventually("its end", || schedule.in_flight() == 0).await;
    schedule.upsert(job("a", hour, Arc::new(Says("newest"))));
    let run = finished.recv().await.unwrap();
    assert_eq!(message(&run), "newest");
}
