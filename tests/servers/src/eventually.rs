//! Waits for a condition, with a deadline, and reports the last failure.

use std::time::{Duration, Instant};

/// Calls `probe` repeatedly until it succeeds, and returns its value.
///
/// # Panics
///
/// Panics if `probe` still fails after [`DEADLINE`]; the message contains `what` and the last
/// error.
pub async fn eventually<T>(what: &str, probe: impl AsyncFnMut() -> Result<T, String>) -> T {
    let value = within(DEADLINE, what, probe).await;
    value.unwrap_or_else(|error| panic!("{error}"))
}

/// Calls `probe` repeatedly until it succeeds, and returns its value.
///
/// # Errors
///
/// `probe` still fails after `deadline`; the error contains `what` and the last error.
pub async fn within<T>(
    deadline: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T, String> {
    let started = Instant::now();
    loop {
        match probe().await {
            Err(last) if started.elapsed() > deadline => {
                return Err(format!(
                    "{what}: still not so after {deadline:?}; the last error:\n{last}"
                ));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
            found => return found,
        }
    }
}

/// The time that the host may take for something it does by itself. Plugins are compiled at low
/// priority: while other tests keep the processors busy, the first compilation of a guest takes
/// long.
pub const DEADLINE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);
