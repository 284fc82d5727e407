//! The effect of runs that exceed limits on the interval.

use super::*;

#[tokio::test]
async fn runs_over_a_limit_stretch_the_interval_and_keep_the_phase() {
    let (schedule, mut finished, _) = schedule(8);
    schedule.upsert(job("a", BRIEF, scripted(|_| ended_by(Code::Trap))));
    let mut last: Option<(FinishedRun, Instant)> = None;
    for stretch in [1, 1, 2, 4, 8, 10, 10] {
        let run = finished.recv().await.unwrap();
        let now = Instant::now();
        assert_eq!(run.breaker.stretch(), stretch);
        assert_eq!(run.status, Status::Unhealthy);
        // An open breaker also delays staleness.
        assert_eq!(run.stale_at, run.next_due + 2 * BRIEF);
        if let Some((before, _)) = &last {
            assert!(now >= before.next_due, "it ran before it was due");
            let passed = run.next_due - before.next_due;
            assert!(passed >= BRIEF * stretch, "{passed:?} at {stretch}");
            assert_eq!(passed.as_nanos() % BRIEF.as_nanos(), 0, "{passed:?}");
        }
        last = Some((run, now));
    }
}

#[tokio::test]
async fn a_run_within_its_limits_closes_the_breaker() {
    let (schedule, mut finished, _) = schedule(8);
    let make = |number| match number {
        4 => RunReport::answered(Outcome::unhealthy("down"), Duration::ZERO),
        _ => ended_by(Code::Fuel),
    };
    schedule.upsert(job("a", BRIEF, scripted(make)));
    for stretch in [1, 1, 2, 4, 1, 1, 1, 2] {
        let run = finished.recv().await.unwrap();
        assert_eq!(run.breaker.stretch(), stretch, "{run:#?}");
    }
}

#[tokio::test]
async fn slow_dependencies_bad_results_and_host_failures_open_no_breaker() {
    for make in [
        (|_| timed_out(Activity::Waiting)) as fn(usize) -> RunReport,
        |_| RunReport::answered(Outcome::unhealthy("down"), Duration::ZERO),
        |_| ended_by(Code::Denied),
        |_| ended_by(Code::Host),
        // Never three in a row.
        |number| match number % 3 {
            2 => timed_out(Activity::Waiting),
            _ => timed_out(Activity::Computing),
        },
    ] {
        let (schedule, mut finished, _) = schedule(8);
        schedule.upsert(job("a", BRIEF, scripted(make)));
        for _ in 0..7 {
            let run = finished.recv().await.unwrap();
            assert!(!run.breaker.is_open(), "{run:#?}");
        }
    }
}

#[tokio::test]
async fn a_new_job_closes_the_breaker_and_runs_at_once() {
    let (schedule, mut finished, _) = schedule(8);
    let interval = Duration::from_millis(300);
    schedule.upsert(job(
        "a",
        interval,
        scripted(|_| timed_out(Activity::Computing)),
    ));
    let open = loop {
        let run = finished.recv().await.unwrap();
        if run.breaker.stretch() == 8 {
            break run;
        }
    };
    schedule.upsert(job("a", interval, scripted(|_| ended_by(Code::Trap))));
    let run = finished.recv().await.unwrap();
    assert!(Instant::now() < open.next_due, "it did not run at once");
    assert_eq!(run.breaker.violations(), 1, "another one's runs count");
    assert!(run.next_due < open.next_due);
}

#[tokio::test]
async fn the_retry_interval_does_not_undercut_an_open_breaker() {
    let (schedule, mut finished, _) = schedule(8);
    let interval = Duration::from_millis(200);
    let make = |number| match number {
        0 => healthy(),
        _ => ended_by(Code::Memory),
    };
    let plain = job("a", interval, scripted(make));
    let timing = Timing {
        retry_interval: Duration::from_millis(10),
        thresholds: Thresholds::new(9.try_into().unwrap(), 1.try_into().unwrap()),
        ..plain.timing
    };
    schedule.upsert(Arc::new(Job {
        name: plain.name.clone(),
        job_generation: plain.job_generation,
        timing,
        probe: Arc::clone(&plain.probe),
        first_run: None,
    }));
    for number in 0..6 {
        let run = finished.recv().await.unwrap();
        let until_next = run.next_due.saturating_duration_since(Instant::now());
        assert_eq!(run.status, Status::Healthy, "fall is being counted");
        assert_eq!(run.breaker.is_open(), number >= 3);
        match number {
            1 | 2 => assert!(until_next <= Duration::from_millis(10), "{until_next:?}"),
            // Up to one interval is due to the phase.
            3.. => assert!(until_next > Duration::from_millis(100), "{until_next:?}"),
            _ => {}
        }
        let stale_after = run.stale_at - run.next_due;
        assert_eq!(stale_after, timing.timeout + interval);
    }
}
