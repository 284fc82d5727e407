//! Evaluates a version before it is promoted: binds it to its checks, and makes a trial run of
//! each.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::FutureExt as _;
use tokio::task::JoinSet;

use super::load::Load;
use crate::catalog::{
    BIND_TIME, BoundCandidate, Candidate, GuestCheck, LoadRequest, Revision, Stamp,
};
use crate::schedule::{Probe, Schedule};
use vitals_io::blocking_pool::PoolError;
use vitals_model::{CheckName, Code, RunReport};
use vitals_sandbox::{LoadError, Plugin};

/// A version that passed the evaluation, with its trial runs.
pub(super) struct Passed {
    pub(super) candidate: BoundCandidate,
    pub(super) trials: Vec<Trial>,
}

/// A trial run of a check on a new version.
pub(super) struct Trial {
    pub(super) check: CheckName,
    /// The binding that made the run.
    pub(super) guest: Arc<GuestCheck>,
    pub(super) report: RunReport,
}

/// A loaded version that is not yet promoted.
pub(super) struct LoadedVersion {
    pub(super) request: LoadRequest,
    /// The stamp of the file, if it was settled when it was read.
    pub(super) stamp: Option<Stamp>,
    pub(super) plugin: Arc<Plugin>,
}

/// The outcome of an evaluation.
pub(super) struct Evaluated {
    pub(super) version: LoadedVersion,
    /// The revision of the configuration that the version was evaluated with.
    pub(super) revision: Revision,
    pub(super) verdict: Result<Passed, LoadError>,
}

/// The result of a task of the watcher: a file that was loaded, or a version that was evaluated.
pub(super) enum Finished {
    Loaded(Load),
    Evaluated(Evaluated),
}

impl Finished {
    pub(super) fn request(&self) -> &LoadRequest {
        match self {
            Self::Loaded(load) => &load.request,
            Self::Evaluated(evaluated) => &evaluated.version.request,
        }
    }
}

/// Evaluates a version.
pub(super) async fn evaluate(
    version: LoadedVersion,
    candidate: Candidate,
    schedule: Arc<Schedule>,
) -> Evaluated {
    let (plugin, revision) = (&version.plugin, candidate.revision);
    // The schema is untrusted, so validating settings against it may take long.
    let permit = plugin.bind_permit().await;
    let fit = bind_within(BIND_TIMEOUT, plugin.bind_on_pool(|| candidate.bind())).await;
    drop(permit);
    let verdict = match fit {
        Ok(candidate) => trial_run(candidate, &schedule).await,
        Err(error) => Err(error),
    };
    Evaluated {
        version,
        revision,
        verdict,
    }
}

/// Waits for the binding to the checks, for at most `time`.
async fn bind_within(
    time: Duration,
    fit: impl Future<Output = Result<Result<BoundCandidate, LoadError>, PoolError>>,
) -> Result<BoundCandidate, LoadError> {
    let fit = AssertUnwindSafe(fit).catch_unwind();
    match tokio::time::timeout(time, fit).await {
        Ok(Ok(Ok(fit))) => fit,
        Ok(Err(_)) => Err(LoadError::Panic("it was bound to its checks")),
        Ok(Ok(Err(PoolError::Stuck(_)))) | Err(_) => Err(LoadError::Unread(
            "the trusted roots of its checks: the file system does not answer".into(),
        )),
        Ok(Ok(Err(error))) => Err(LoadError::Unread(error.to_string())),
    }
}

/// Makes a trial run of each check. A run that exceeded a limit or crashed rejects the version. The
/// status that the check reports never does.
async fn trial_run(
    candidate: BoundCandidate,
    schedule: &Arc<Schedule>,
) -> Result<Passed, LoadError> {
    let mut runs = JoinSet::new();
    for (name, guest) in candidate.trials() {
        let schedule = Arc::clone(schedule);
        runs.spawn(async move {
            let probe = Arc::clone(&guest) as Arc<dyn Probe>;
            let report = schedule.trial_run(&name, probe).await;
            (name, guest, report)
        });
    }
    let mut trials = Vec::new();
    while let Some(run) = runs.join_next().await {
        let (check, guest, report) =
            run.map_err(|_| LoadError::Panic("a check made a trial run on it"))?;
        let Some(report) = report else { continue };
        match &report.error {
            Some(error) if error.code.rejects_version() => {
                return Err(LoadError::Trial {
                    check,
                    error: Box::new(error.clone()),
                });
            }
            // The host itself failed: the first run on the new version takes place after the
            // promotion.
            Some(error) if matches!(error.code, Code::Host | Code::Full) => {}
            _ => trials.push(Trial {
                check,
                guest,
                report,
            }),
        }
    }
    Ok(Passed { candidate, trials })
}

/// The time limit for binding the checks of one plugin, after which a file system must be hanging.
pub(super) const BIND_TIMEOUT: Duration = BIND_TIME.saturating_add(Duration::from_secs(10));

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn binding_stops_waiting_for_roots_on_a_hanging_disk() {
        let fit = bind_within(Duration::from_millis(10), pending());
        let fit = tokio::time::timeout(Duration::from_mins(1), fit).await;
        let error = fit.expect("it ends").err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("the trusted roots"), "{error}");
    }
}
