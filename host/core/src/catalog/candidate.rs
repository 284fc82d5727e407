//! A new version of a plugin before it is promoted. It is compared with every check that uses it,
//! under the newest configuration, and is promoted for all of them or for none.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::baseline::Baseline;
use super::binding::{CheckBinding, UnboundCheck, bind_all};
use super::check_configs::{RejectedUnder, Revision};
use super::check_state::{CheckState, GuestCheck};
use super::{BindError, Catalog, LoadOutcome, LoadRequest, Recorded, Source, Stamp};
use vitals_config::CheckConfig;
use vitals_model::{CheckName, Digest, PluginName};
use vitals_sandbox::{LoadError, Plugin};

/// A loaded version, with everything that decides whether it can be promoted.
#[derive(Debug)]
pub(crate) struct Candidate {
    plugin: Arc<Plugin>,
    /// The checks that use the plugin.
    checks: Vec<UnboundCheck>,
    /// Whether another version is active.
    replaces_active: bool,
    /// The checks that run on the active version.
    running: BTreeSet<CheckName>,
    baseline: Baseline,
    /// The checks for which the operator accepted the grants of this version.
    accepted: BTreeSet<CheckName>,
    /// The revision of the configuration that the candidate is compared with.
    pub(crate) revision: Revision,
}

/// A version that all its checks can run on.
#[derive(Debug)]
pub(crate) struct BoundCandidate {
    plugin: Arc<Plugin>,
    bindings: Vec<CheckBinding>,
    /// Whether another version is active.
    replaces_active: bool,
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
            let bound = self.bindings.get(name);
            bound.is_some_and(|bound| matches!(bound.state, CheckState::Guest(_)))
        };
        let replaces_active = entry.is_some_and(|entry| entry.active().is_some());
        let names = checks.iter().map(|(name, _)| name);
        let running = names
            .filter(|name| replaces_active && runs(name))
            .cloned()
            .collect();
        let mut accepted = accepted.clone();
        if let Some(rejected) = self.rejected.get(name)
            && rejected.digest == plugin.digest()
        {
            let rejected_config = |name: &CheckName| rejected.checks.get(name);
            let changed = checks.iter().filter(|(name, check)| {
                rejected_config(name).is_none_or(|rejected_config| **rejected_config != **check)
            });
            accepted.extend(changed.map(|(name, _)| name.clone()));
        }
        let unbound =
            |(name, check): (CheckName, Arc<CheckConfig>)| self.unbound_to(&name, &check, &plugin);
        Candidate {
            baseline: Baseline::new(name, &checks, &self.grant_baselines, &self.config.secrets),
            checks: checks.into_iter().map(unbound).collect(),
            replaces_active,
            running,
            accepted,
            revision: self.revision,
            plugin,
        }
    }

    /// Makes a bound candidate the active version.
    pub(crate) fn install(
        &mut self,
        request: &LoadRequest,
        candidate: BoundCandidate,
        stamp: Option<Stamp>,
        now: Timestamp,
    ) -> Recorded {
        let BoundCandidate {
            plugin, bindings, ..
        } = candidate;
        let recorded = self.record_load(request, LoadOutcome::Loaded(plugin), stamp, now);
        if recorded == Recorded::Loaded {
            for bound in bindings {
                self.record_binding(bound);
            }
        }
        recorded
    }

    /// Returns the current revision of the configuration.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// Remembers the configurations of the checks under which a version was rejected.
    pub(super) fn remember_rejection(
        &mut self,
        plugin: &PluginName,
        source: Source,
        digest: Digest,
    ) {
        let checks = self.checks_on(plugin, source).into_iter();
        let rejected = RejectedUnder {
            digest,
            checks: checks.collect(),
        };
        self.rejected.insert(plugin.clone(), rejected);
    }

    /// Marks files for loading at the next scan, without waiting for their retry time, if `matches`
    /// accepts their error.
    pub(crate) fn retry_if(&mut self, matches: impl Fn(&LoadError) -> bool) {
        for entry in self.entries.values_mut() {
            entry.retry_if(&matches);
        }
    }
}

impl Candidate {
    /// Binds the checks and compares the grants. If another version is active, a candidate is
    /// rejected when a running check could not run on it, or when no check could run on it at all.
    /// Blocks.
    pub(crate) fn bind(self) -> Result<BoundCandidate, LoadError> {
        let bindings = bind_all(self.checks);
        let fits = |bound: &CheckBinding| matches!(bound.state, CheckState::Guest(_));
        let is_tried = bindings.iter().any(fits);
        for bound in &bindings {
            let is_running = self.running.contains(&bound.name);
            let why = match &bound.state {
                CheckState::Failed(error) if is_running || self.replaces_active && !is_tried => {
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
        self.baseline.check_grants(&self.plugin, &self.accepted)?;
        Ok(BoundCandidate {
            plugin: self.plugin,
            bindings,
            replaces_active: self.replaces_active,
        })
    }
}

impl BoundCandidate {
    /// Returns the checks that make a trial run: if another version is active, all whose
    /// configuration does not turn trial runs off.
    pub(crate) fn trials(&self) -> Vec<(CheckName, Arc<GuestCheck>)> {
        let bindings = self.bindings.iter();
        let trial = |bound: &CheckBinding| match &bound.state {
            CheckState::Guest(guest) if self.replaces_active && bound.check.schedule.trial => {
                Some((bound.name.clone(), Arc::clone(guest)))
            }
            _ => None,
        };
        bindings.filter_map(trial).collect()
    }

    /// Counts the checks during whose binding the host's own code panicked.
    pub(crate) fn panics(&self) -> usize {
        self.bindings
            .iter()
            .filter(|bound| bound.panicked())
            .count()
    }
}
