//! The log's reader stands still or goes away: the host does not.

use super::*;

const NOISY: usize = 24;

/// A host of which some checks say more than a pipe and the queue before it hold.
async fn noisy() -> Serving {
    let noise = |number: usize| {
        format!("[checks.noise{number}]\nplugin = 'noise'\nconfig = {{ log = 64 }}\n")
    };
    let noises: String = (0..NOISY).map(noise).collect();
    let head = HEAD.replace("'2s'", "'200ms'");
    let config =
        format!("{head}[metrics]\nenabled = true\n[checks.good]\nplugin = 'hello'\n{noises}");
    Vitals::new(["serve"])
        .config(&config)
        .plugin("hello", guests::HELLO)
        .plugin("noise", guests::NOISE)
        .serve()
        .await
}

/// How many runs of all checks there were, and how many of the one that is `good`.
async fn counted(serving: &Serving) -> Result<(u64, u64), String> {
    let metrics = serving.get("/metrics").await?.body;
    let count = |check: &str| -> u64 {
        let begin = format!("vitals_check_runs_total{{check=\"{check}");
        let samples = metrics.lines().filter(|line| line.starts_with(&begin));
        samples
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    };
    Ok((count(""), count("good")))
}

/// Waits until the noisy ones have said more than anything holds, and the good one has run on.
async fn overflows(serving: &Serving) {
    let (all, good) = counted(serving).await.expect("metrics");
    // 64 lines each: more than the 16,384 that wait.
    let enough = all + 300;
    eventually("the host runs on", async || {
        let live = serving.get("/health/live").await?;
        if live.status != 200 {
            return Err(live.text().to_owned());
        }
        let now = counted(serving).await?;
        if now.0 > enough && now.1 > good + 3 {
            Ok(())
        } else {
            Err(format!("{now:?} of {enough}"))
        }
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_stands_still_holds_nothing_up_and_hears_how_much_it_missed() {
    let serving = noisy().await;
    serving.cover_ear();
    overflows(&serving).await;
    serving.uncover_ear();
    eventually("what was lost is said", async || {
        let log = serving.log();
        let told = log.iter().find(|line| line.contains("log lines lost"));
        let lines = told.and_then(|line| line.rsplit_once("lines=")?.1.parse::<u64>().ok());
        match lines {
            Some(lines) if lines > 0 => Ok(()),
            _ => Err(log.last().cloned().unwrap_or_default()),
        }
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_stands_still_does_not_keep_the_host_from_its_end() {
    let mut serving = noisy().await;
    serving.cover_ear();
    overflows(&serving).await;
    serving.terminate();
    assert_eq!(serving.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_reader_that_has_gone_harms_nothing() {
    let mut serving = noisy().await;
    serving.lose_ear();
    overflows(&serving).await;
    serving.terminate();
    assert_eq!(serving.ended().await.code(), Some(0));
}
