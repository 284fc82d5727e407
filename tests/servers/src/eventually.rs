//! Waiting for what has to come true, with a deadline and the last thing that was seen.

use std::time::{Duration, Instant};

/// Asks `probe` again and again until it answers, and hands that out.
///
/// # Panics
///
/// Within [`DEADLINE`] it had only reasons why not; the message has `what` was waited for and the
/// last reason.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match probe().await {
            Ok(answer) => return answer,
            Err(last) if started.elapsed() > DEADLINE => {
                panic!("{what}: not so within {DEADLINE:?}; the last that was seen:\n{last}")
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// How long something may take that the host does by itself. Plugins are compiled at low priority: where
/// other tests keep the processors busy, the first compilation of a guest takes its time.
pub const DEADLINE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
