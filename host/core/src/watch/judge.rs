//! Judging a version before it serves: held against its checks, and tried out by each of them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::FutureExt as _;
use tokio::task::JoinSet;

use super::load::Load;
use crate::catalog::{BIND_TIME, Candidate, Fitting, GuestCheck, Revision, Stamp, Wanted};
use crate::schedule::{Probe, Schedule};
use vitals_io::blocking_pool::PoolError;
use vitals_model::{CheckName, Code, RunReport};
use vitals_sandbox::{LoadError, Plugin};

/// A version that passed, with the runs that were made of it.
pub(super) struct Passed {
    pub(super) fitting: Fitting,
    pub(super) trials: Vec<Trial>,
}

/// A run that a check made of a version before it serves.
pub(super) struct Trial {
    pub(super) check: CheckName,
    /// As what it was made.
    pub(super) guest: Arc<GuestCheck>,
    pub(super) report: RunReport,
}

/// What became of a version.
pub(super) struct Judged {
    pub(super) wanted: Wanted,
    pub(super) stamp: Option<Stamp>,
    pub(super) plugin: Arc<Plugin>,
    /// Under which configuration.
    pub(super) revision: Revision,
    pub(super) verdict: Result<Passed, LoadError>,
}

/// What the watcher is handed by a task of its own: a file that was read, or a version that was
/// judged.
pub(super) enum Arrival {
    Loaded(Load),
    Judged(Judged),
}

impl Arrival {
    pub(super) fn wanted(&self) -> &Wanted {
        match self {
            Self::Loaded(load) => &load.wanted,
            Self::Judged(judged) => &judged.wanted,
        }
    }
}

/// Judges a version.
pub(super) async fn judge(
    wanted: Wanted,
    stamp: Option<Stamp>,
    candidate: Candidate,
    schedule: Arc<Schedule>,
) -> Judged {
    let (plugin, revision) = (Arc::clone(candidate.plugin()), candidate.revision());
    // A schema comes from a stranger: holding settings against it takes what it takes.
    let permit = plugin.bind_permit().await;
    let fit = fit_within(FIT_TIME, plugin.bind_on_pool(|| candidate.fit())).await;
    drop(permit);
    let verdict = match fit {
        Ok(fitting) => trial_run(fitting, &schedule).await,
        Err(error) => Err(error),
    };
    Judged {
        wanted,
        stamp,
        plugin,
        revision,
        verdict,
    }
}

/// Waits so long for a version to be held against its checks.
async fn fit_within(
    time: Duration,
    fit: impl Future<Output = Result<Result<Fitting, LoadError>, PoolError>>,
) -> Result<Fitting, LoadError> {
    let fit = AssertUnwindSafe(fit).catch_unwind();
    match tokio::time::timeout(time, fit).await {
        Ok(Ok(Ok(fit))) => fit,
        Ok(Err(_)) => Err(LoadError::Panic("it was held against its checks")),
        Ok(Ok(Err(PoolError::Stuck(_)))) | Err(_) => Err(LoadError::Unread(
            "the trusted roots of its checks: the file system does not answer".into(),
        )),
        Ok(Ok(Err(error))) => Err(LoadError::Unread(error.to_string())),
    }
}

/// Makes a run of each check. One that a limit ended, or that broke down, refuses the version; what
/// it says of the watched thing never does.
async fn trial_run(fitting: Fitting, schedule: &Arc<Schedule>) -> Result<Passed, LoadError> {
    let mut runs = JoinSet::new();
    for (name, guest) in fitting.trials() {
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
            run.map_err(|_| LoadError::Panic("a check was tried on it"))?;
        let Some(report) = report else { continue };
        match &report.error {
            Some(error) if error.code.rejects_version() => {
                return Err(LoadError::Trial {
                    check,
                    error: Box::new(error.clone()),
                });
            }
            // The host's own trouble: the first run of the new version is made when it serves.
            Some(error) if matches!(error.code, Code::Host | Code::Full) => {}
            _ => trials.push(Trial {
                check,
                guest,
                report,
            }),
        }
    }
    Ok(Passed { fitting, trials })
}

/// How long a version may take to be held against its checks before something must hang.
const FIT_TIME: Duration = BIND_TIME.saturating_add(Duration::from_secs(10));

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn roots_on_a_disk_that_hangs_are_not_waited_for_without_end() {
        let fit = fit_within(Duration::from_millis(10), pending());
        let fit = tokio::time::timeout(Duration::from_mins(1), fit).await;
        let error = fit.expect("it ends").err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("the trusted roots"), "{error}");
    }
}
