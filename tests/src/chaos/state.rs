//! What all parts of a campaign share.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use tokio::sync::RwLock;

use super::Part;
use super::campaign_log::CampaignLog;
use super::judge::{Faults, Judge, SeenVersions};
use super::model::Model;
use super::stalls::StallMeter;
use super::versions::Versions;

/// The directory, the versions, the model and the log of a campaign.
pub(super) struct CampaignState {
    root: PathBuf,
    without: Vec<Part>,
    pub(super) versions: Versions,
    pub(super) log: CampaignLog,
    pub(super) stalls: StallMeter,
    pub(super) model: Mutex<Model>,
    /// Held for reading by workers that need the plugins directory, for writing by one that moves it.
    pub(super) directory: RwLock<()>,
    /// Held for reading during a request of a probe, for writing while the model is narrowed.
    pub(super) requests: RwLock<()>,
}

impl CampaignState {
    pub(super) fn new(root: &Path, without: &[Part]) -> Self {
        Self {
            root: root.to_owned(),
            without: without.to_vec(),
            versions: Versions::new(),
            log: CampaignLog::new(),
            stalls: StallMeter::start(),
            model: Mutex::default(),
            directory: RwLock::default(),
            requests: RwLock::default(),
        }
    }

    /// A path beside the plugins directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(super) fn plugins(&self) -> PathBuf {
        self.path("plugins")
    }

    /// The path of a plugin in the plugins directory.
    pub(super) fn plugin(&self, name: &str) -> PathBuf {
        self.plugins().join(format!("{name}.wasm"))
    }

    pub(super) fn leaves_out(&self, part: Part) -> bool {
        self.without.contains(&part)
    }

    pub(super) fn judge<'a>(
        &'a self,
        model: &'a Model,
        is_stalled: bool,
        seen: &'a mut SeenVersions,
    ) -> Judge<'a> {
        Judge {
            model,
            versions: &self.versions,
            is_stalled,
            without: &self.without,
            seen,
            faults: Faults::default(),
        }
    }
}
