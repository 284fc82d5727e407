//! A new version of a plugin before it serves: held against every check that uses it, under the
//! newest configuration. It takes over as a whole, or not at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::baseline::Baseline;
use super::binding::{Bound, Unbound, bind_all};
use super::check_state::{CheckState, GuestCheck};
use super::said::{RefusedUnder, Revision};
use super::{BindError, Catalog, LoadOutcome, Recorded, Source, Stamp, Wanted};
use vitals_config::CheckConfig;
use vitals_model::{CheckName, Digest, PluginName};
use vitals_sandbox::{LoadError, Plugin};

/// A version that is to serve, with all that it is held against.
#[derive(Debug)]
pub(crate) struct Candidate {
    plugin: Arc<Plugin>,
    /// The checks that use it.
    checks: Vec<Unbound>,
    /// Whether another version serves.
    serves: bool,
    /// Those of them that run on it.
    running: BTreeSet<CheckName>,
    baseline: Baseline,
    /// The checks for which the operator accepted whatever the version grants them.
    accepted: BTreeSet<CheckName>,
    revision: Revision,
}

/// A version that fits its checks.
#[derive(Debug)]
pub(crate) struct Fitting {
    pub(crate) plugin: Arc<Plugin>,
    bounds: Vec<Bound>,
    /// Whether another version serves.
    serves: bool,
}

impl Catalog {
    /// A version that could be loaded, to be held against its checks. `accepted` names checks for
    /// which the operator has accepted what it grants; where a version was refused, and the check
    /// says something else since, that is taken for the same.
    pub(crate) fn candidate(
        &self,
        plugin: Arc<Plugin>,
        source: Source,
        accepted: &BTreeSet<CheckName>,
    ) -> Candidate {
        let name = plugin.name();
        let entry = self.entries.get(name);
        let checks = self.checks_on(name, source);
        let runs = |name: &CheckName| {
            let bound = self.bound.get(name);
            bound.is_some_and(|bound| matches!(bound.state, CheckState::Guest(_)))
        };
        let serves = entry.is_some_and(|entry| entry.active().is_some());
        let names = checks.iter().map(|(name, _)| name);
        let running = names.filter(|name| serves && runs(name)).cloned().collect();
        let mut accepted = accepted.clone();
        if let Some(refused) = self.refused.get(name)
            && refused.digest == plugin.digest()
        {
            let said = |name: &CheckName| refused.checks.get(name);
            let changed = checks
                .iter()
                .filter(|(name, check)| said(name).is_none_or(|said| **said != **check));
            accepted.extend(changed.map(|(name, _)| name.clone()));
        }
        let unbound =
            |(name, check): (CheckName, Arc<CheckConfig>)| self.unbound_to(&name, &check, &plugin);
        Candidate {
            baseline: Baseline::new(name, &checks, &self.given, &self.config.secrets),
            checks: checks.into_iter().map(unbound).collect(),
            serves,
            running,
            accepted,
            revision: self.revision,
            plugin,
        }
    }

    /// Lets a version that fits its checks take over.
    pub(crate) fn install(
        &mut self,
        wanted: &Wanted,
        fitting: Fitting,
        stamp: Option<Stamp>,
        now: Timestamp,
    ) -> Recorded {
        let Fitting { plugin, bounds, .. } = fitting;
        let recorded = self.record_load(wanted, LoadOutcome::Loaded(plugin), stamp, now);
        if matches!(recorded, Recorded::Loaded(_)) {
            for bound in bounds {
                self.take_in(bound);
            }
        }
        recorded
    }

    /// Which of the configurations it stands under.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// Remembers under which words of its checks a version was refused.
    pub(super) fn remember_refusal(&mut self, plugin: &PluginName, source: Source, digest: Digest) {
        let checks = self.checks_on(plugin, source).into_iter();
        let refused = RefusedUnder {
            digest,
            checks: checks.collect(),
        };
        self.refused.insert(plugin.clone(), refused);
    }

    /// Files that are to be looked at once more, because what they were refused for may hold no
    /// longer.
    pub(crate) fn forget_refusals(&mut self) {
        for entry in self.entries.values_mut() {
            entry.retry_if(LoadError::depends_on_configuration);
        }
    }

    /// Files whose failure may pass are to be loaded once more at the next look, however long they were
    /// to rest.
    pub(crate) fn retry_failures(&mut self) {
        for entry in self.entries.values_mut() {
            entry.retry_if(LoadError::is_transient);
        }
    }
}

impl Candidate {
    /// The version.
    pub(crate) fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// The configuration that it is held against.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// Binds its checks and compares what it grants them. Where a version serves, one is refused
    /// that a check which runs now would not run on, and one that no check could try. Blocks.
    pub(crate) fn fit(self) -> Result<Fitting, LoadError> {
        let bounds = bind_all(self.checks);
        let fits = |bound: &Bound| matches!(bound.state, CheckState::Guest(_));
        let is_tried = bounds.iter().any(fits);
        for bound in &bounds {
            let is_running = self.running.contains(&bound.name);
            let why = match &bound.state {
                CheckState::Failed(error) if is_running || self.serves && !is_tried => {
                    error.to_string()
                }
                CheckState::NeedsConfig(error) if is_running => error.to_string(),
                _ => continue,
            };
            return Err(LoadError::Unfit {
                check: bound.name.clone(),
                why,
                is_transient: bound.is_transient(),
                is_host_error: bound.error().is_some_and(BindError::is_host_error),
            });
        }
        self.baseline.hold(&self.plugin, &self.accepted)?;
        Ok(Fitting {
            plugin: self.plugin,
            bounds,
            serves: self.serves,
        })
    }
}

impl Fitting {
    /// The checks that are to make a trial run: where another version serves, all whose configuration
    /// does not say otherwise.
    pub(crate) fn trials(&self) -> Vec<(CheckName, Arc<GuestCheck>)> {
        let bounds = self.bounds.iter();
        let trial = |bound: &Bound| match &bound.state {
            CheckState::Guest(guest) if self.serves && bound.check.schedule.trial => {
                Some((bound.name.clone(), Arc::clone(guest)))
            }
            _ => None,
        };
        bounds.filter_map(trial).collect()
    }

    /// Whether the host's own code panicked while a check was bound.
    pub(crate) fn panics(&self) -> usize {
        self.bounds.iter().filter(|bound| bound.panicked()).count()
    }
}
