//! A new version of a plugin before it is promoted. It is compared with every check that uses it,
//! under the newest configuration, and is promoted for all of them or for none.

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

/// A loaded version, with everything that decides whether it can be promoted.
#[derive(Debug)]
pub(crate) struct Candidate {
    plugin: Arc<Plugin>,
    /// The checks that use the plugin.
    checks: Vec<Unbound>,
    /// Whether another version is active.
    serves: bool,
    /// The checks that run on the active version.
    running: BTreeSet<CheckName>,
    baseline: Baseline,
    /// The checks for which the operator accepted the grants of this version.
    accepted: BTreeSet<CheckName>,
    revision: Revision,
}

/// A version that all its checks can run on.
#[derive(Debug)]
pub(crate) struct Fitting {
    pub(crate) plugin: Arc<Plugin>,
    bounds: Vec<Bound>,
    /// Whether another version is active.
    serves: bool,
}

impl Catalog {
    /// Returns a candidate for a loaded version. `accepted` names checks for which the operator has
    /// accepted its grants. If this version was rejected earlier, a changed configuration of a
    /// check counts as acceptance for that check.
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

    /// Makes a bound candidate the active version.
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

    /// Returns the current revision of the configuration.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// Remembers the configurations of the checks under which a version was rejected.
    pub(super) fn remember_refusal(&mut self, plugin: &PluginName, source: Source, digest: Digest) {
        let checks = self.checks_on(plugin, source).into_iter();
        let refused = RefusedUnder {
            digest,
            checks: checks.collect(),
        };
        self.refused.insert(plugin.clone(), refused);
    }

    /// Marks files for loading at the next scan if they were rejected because of the configuration.
    pub(crate) fn forget_refusals(&mut self) {
        for entry in self.entries.values_mut() {
            entry.retry_if(LoadError::depends_on_configuration);
        }
    }

    /// Marks files with transient failures for loading at the next scan, without waiting for their
    /// retry time.
    pub(crate) fn retry_failures(&mut self) {
        for entry in self.entries.values_mut() {
            entry.retry_if(LoadError::may_pass);
        }
    }
}

impl Candidate {
    /// Returns the version.
    pub(crate) fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// Returns the revision of the configuration that the candidate is compared with.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// Binds the checks and compares the grants. If another version is active, a candidate is
    /// rejected when a running check could not run on it, or when no check could run on it at all.
    /// Blocks.
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
                may_pass: bound.may_pass(),
                is_of_host: bound.error().is_some_and(BindError::is_of_host),
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
    /// Returns the checks that make a trial run: if another version is active, all whose
    /// configuration does not turn trial runs off.
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

    /// Counts the checks during whose binding the host's own code panicked.
    pub(crate) fn panics(&self) -> usize {
        self.bounds.iter().filter(|bound| bound.panicked()).count()
    }
}
