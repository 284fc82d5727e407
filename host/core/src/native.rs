//! Native checks: async Rust closures of the embedding program.

use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::FutureExt as _;

use crate::schedule::Probe;
use vitals_io::panic_text;
use vitals_model::{Code, Outcome, RunError, RunReport, Status};

/// The return types of native checks: an [`Outcome`], or a `Result` of one. An error becomes an
/// unhealthy outcome with its text as message.
pub trait IntoOutcome {
    /// Converts to an outcome.
    fn into_outcome(self) -> Outcome;
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Outcome {
        self
    }
}

impl<E: Display> IntoOutcome for Result<Outcome, E> {
    fn into_outcome(self) -> Outcome {
        self.unwrap_or_else(|error| Outcome::unhealthy(format!("{error:#}")))
    }
}

/// A native check. Cheap to clone.
#[derive(Clone)]
pub struct NativeCheck(Arc<Make>);

type Make = dyn Fn() -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync;

impl NativeCheck {
    /// Creates a check that calls a closure for each run.
    pub fn new<F, R>(check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoOutcome,
    {
        Self(Arc::new(move || {
            let run = check();
            Box::pin(async move { run.await.into_outcome() })
        }))
    }

    /// Returns a probe that runs the check with a timeout.
    pub(crate) fn probe(&self, timeout: Duration) -> NativeProbe {
        NativeProbe {
            check: self.clone(),
            timeout,
        }
    }

    /// Returns whether two values are the same registration.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl std::fmt::Debug for NativeCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NativeCheck")
    }
}

pub(crate) struct NativeProbe {
    check: NativeCheck,
    timeout: Duration,
}

impl Probe for NativeProbe {
    fn run(&self, _previous: Option<Status>) -> Pin<Box<dyn Future<Output = RunReport> + Send>> {
        let (check, timeout) = (self.check.clone(), self.timeout);
        Box::pin(async move {
            let started = Instant::now();
            let run = AssertUnwindSafe(async { (check.0)().await }).catch_unwind();
            match tokio::time::timeout(timeout, run).await {
                Ok(Ok(outcome)) => RunReport::answered(outcome, started.elapsed()),
                Ok(Err(panic)) => {
                    let message = format!("panicked: {}", panic_text(panic.as_ref()));
                    RunReport::failed(RunError::new(Code::Panic, &message), started.elapsed())
                }
                Err(_) => {
                    let limit = vitals_values::duration_text(timeout);
                    let message = format!("timed out after {limit}");
                    let error = RunError::new(Code::Timeout, &message).with_limit(limit);
                    RunReport::failed(error, started.elapsed())
                }
            }
        })
    }
}
