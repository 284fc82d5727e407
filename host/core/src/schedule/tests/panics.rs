//! Panics around a run, of various origins.

use super::*;

#[tokio::test]
async fn a_probe_that_panics_makes_the_check_unknown_for_one_run() {
    let (schedule, mut finished, collect) = schedule(8);
    let make = |number| match number {
        0 | 2 => panic!("in the probe"),
        1 => RunReport::answered(Outcome::unhealthy("down"), Duration::ZERO),
        _ => healthy(),
    };
    schedule.upsert(job("a", BRIEF, scripted(make)));
    let neighbour = Arc::new(Sleeper::new(Duration::ZERO));
    let first = finished.recv().await.unwrap();
    schedule.upsert(job("b", BRIEF, Arc::clone(&neighbour) as _));
    let error = first.report.error.clone().expect("it failed");
    assert_eq!((first.status, error.code), (Status::Unknown, Code::Host));
    assert!(error.message.as_str().contains("in the probe"), "{error:?}");
    assert_eq!(
        first.consecutive_failures, 0,
        "it says nothing of the check"
    );
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let run = finished.recv().await.unwrap();
        if run.check.as_str() == "a" {
            seen.push((
                run.status,
                run.report.error.as_ref().map(|error| error.code),
            ));
        }
    }
    let expected = [
        (Status::Unhealthy, None),
        // `unknown` never improves an `unhealthy` status.
        (Status::Unhealthy, Some(Code::Host)),
        (Status::Healthy, None),
    ];
    assert_eq!(seen, expected);
    assert_eq!(collect.panicked.lock().unwrap().len(), 2);
    eventually("runs of the neighbour", || {
        neighbour.began.load(Ordering::SeqCst) > 2
    })
    .await;
    schedule.shutdown(Duration::from_secs(10)).await;
    assert_eq!(schedule.in_flight(), 0, "no slot is lost");
}

/// Panics on every result and every skip of the check `broken`.
struct Brittle {
    collect: Arc<Collect>,
    panics: AtomicUsize,
}

impl Results for Brittle {
    fn finished(&self, run: FinishedRun) {
        if run.check.as_str() == "broken" {
            self.panics.fetch_add(1, Ordering::SeqCst);
            panic!("over a result");
        }
        self.collect.finished(run);
    }

    fn waited(&self, check: &CheckName, time: Duration) {
        self.collect.waited(check, time);
    }

    fn skipped(&self, check: &CheckName, reason: Skipped, count: u64) {
        self.collect.skipped(check, reason, count);
    }

    fn panicked(&self, check: &CheckName, what: &str) {
        self.collect.panicked(check, what);
        panic!("over a panic");
    }
}

#[tokio::test]
async fn a_panic_while_publishing_costs_one_run_of_one_check() {
    let (_, mut finished, collect) = schedule(1);
    let brittle = Arc::new(Brittle {
        collect: Arc::clone(&collect),
        panics: AtomicUsize::new(0),
    });
    let schedule = Schedule::new(2, Arc::clone(&brittle) as _);
    schedule.upsert(job("broken", BRIEF, scripted(|_| healthy())));
    schedule.upsert(job("good", BRIEF, scripted(|_| healthy())));
    eventually("several panics", || {
        brittle.panics.load(Ordering::SeqCst) >= 4
    })
    .await;
    for _ in 0..3 {
        assert_eq!(finished.recv().await.unwrap().check.as_str(), "good");
    }
    schedule.shutdown(Duration::from_secs(10)).await;
    let reported = collect.panicked.lock().unwrap().len();
    assert_eq!(
        reported,
        brittle.panics.load(Ordering::SeqCst),
        "each is counted"
    );
    assert_eq!(schedule.in_flight(), 0, "no slot is lost");
}
