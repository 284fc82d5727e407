//! A reader of the log that pauses or goes away does not affect the host.

use super::*;

const NOISY: usize = 24;

/// A host whose checks log more than the queue and the pipe hold.
async fn noisy() -> Serving {
    let noise = |number: usize| {
        format!("[checks.noise{number}]\nplugin = 'noise'\nconfig = {{ log = 64 }}\n")
    };
    let noises: String = (0..NOISY).map(noise).collect();
    let head = HEAD.replace("'2s'", "'200ms'");
    let config =
        format!("{head}[metrics]\nenabled = true\n[checks.good]\nplugin = 'hello'\n{noises}");
    let vitals = Vitals::new(["serve"]).config(&config);
    let vitals = vitals.guests([guests::HELLO, guests::NOISE]);
    vitals.serve().await
}

/// Waits until the noisy checks have logged more than anything holds, and the good one continues to run.
async fn overflows(serving: &Serving) {
    let counted = async || {
        let (all, good) = (runs_of(serving, "").await?, runs_of(serving, "good").await?);
        Ok::<_, String>((all, good))
    };
    let (all, good) = counted().await.expect("metrics");
    // 64 lines each: twice as many as the 16,384 that the queue holds.
    let enough = all + 600.0;
    eventually("the host continues to run", async || {
        let live = serving.get("/health/live").await?;
        let now = counted().await?;
        let is_enough = now.0 > enough && now.1 > good + 3.0;
        when(
            live.status == 200 && is_enough,
            format!("{now:?} of {enough}"),
        )
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_pauses_delays_nothing_and_learns_how_many_lines_it_missed() {
    let serving = noisy().await;
    serving.pause_log();
    overflows(&serving).await;
    serving.resume_log();
    let line = serving.eventually_logs("log lines lost").await;
    let (_, lost) = line.rsplit_once("lines=").expect("a field");
    assert!(lost.parse::<u64>().is_ok_and(|lost| lost > 0), "{line}");
}

#[tokio::test]
async fn a_reader_that_pauses_does_not_delay_the_shutdown() {
    let mut serving = noisy().await;
    serving.pause_log();
    overflows(&serving).await;
    serving.terminate();
    assert_eq!(serving.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_reader_that_closes_the_pipe_does_not_affect_the_host() {
    let mut serving = noisy().await;
    serving.close_log();
    overflows(&serving).await;
    serving.terminate();
    assert_eq!(serving.ended().await.code(), Some(0));
}
