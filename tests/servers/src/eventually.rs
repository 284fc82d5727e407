//! Waits for a condition, with a deadline, and reports the last failure.

use std::time::{Duration, Instant};

/// Calls `probe` repeatedly until it succeeds, and returns its value.
///
/// # Panics
///
/// Panics if `probe` still fails after [`DEADLINE`]; the message contains `what` and the last
/// error.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match probe().await {
            Ok(answer) => return answer,
            Err(last) if started.elapsed() > DEADLINE => {
                panic!("{what}: still not so after {DEADLINE:?}; the last error:\n{last}")
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// The time that the host may take for something it does by itself. Plugins are compiled at low
/// priority: while other tests keep the processors busy, the first compilation of a guest takes
/// long.
pub const DEADLINE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
