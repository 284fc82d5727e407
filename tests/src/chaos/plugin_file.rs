//! The file of one plugin that a campaign changes: where it is, and what it contains now.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::state::CampaignState;
use super::versions::{Broken, Version};
use super::worker::{Worker, WriteMethod, link};

/// A plugin and its file.
#[derive(Clone, Debug)]
pub(super) struct PluginFile {
    pub(super) name: String,
    pub(super) layout: Layout,
    /// Its file may be absent for a while. The checks of other plugins never fail.
    pub(super) is_removable: bool,
    /// The version that was written last.
    pub(super) version: Version,
    /// Whether its file contains that version.
    pub(super) is_good: bool,
    /// Whether its file was written since the host last showed what was on disk.
    pub(super) is_changed: bool,
}

/// Where the file of a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// In the plugins directory.
    Plain,
    /// Elsewhere, with a link to it in the plugins directory.
    Linked,
    /// As Kubernetes mounts it: in a directory with others, behind a link to a link that changes for
    /// all of them at once.
    Mounted,
}

/// What is written to a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// A new version.
    New,
    /// A version that was made before.
    Version(Version),
    Broken(Broken),
}

impl PluginFile {
    /// A plugin whose file does not exist yet.
    pub(super) fn new(name: String, layout: Layout, is_removable: bool) -> Self {
        Self {
            name,
            layout,
            is_removable,
            version: Version(0),
            is_good: false,
            is_changed: true,
        }
    }

    /// Whether its file can be written by this method.
    pub(super) fn suits(&self, method: WriteMethod) -> bool {
        let has_layout = match method {
            WriteMethod::Rename => self.layout != Layout::Mounted,
            WriteMethod::Relink => self.layout == Layout::Linked,
            _ => self.layout == Layout::Plain,
        };
        has_layout && (self.is_removable || !method.removes())
    }

    /// Widens the model by a content that its file gets, and returns the bytes.
    pub(super) fn prepare(&mut self, content: Content, worker: &mut Worker) -> Vec<u8> {
        let state = Arc::clone(&worker.state);
        (self.is_good, self.is_changed) = (!matches!(content, Content::Broken(_)), true);
        let version = match content {
            Content::New => state.versions.next(),
            Content::Version(version) => version,
            Content::Broken(broken) => {
                state.model.lock().may_be_rejected(&self.name);
                return state.versions.broken(broken, &mut worker.rng);
            }
        };
        state.model.lock().may_serve(&self.name, version);
        self.version = version;
        state.versions.bytes(version)
    }

    /// Writes its file.
    pub(super) async fn write(
        &mut self,
        content: Content,
        method: WriteMethod,
        worker: &mut Worker,
    ) -> io::Result<()> {
        let state = Arc::clone(&worker.state);
        if method.removes() {
            state.model.lock().plugin_may_be_absent(&self.name);
        } else if method != WriteMethod::Rename || self.layout == Layout::Linked {
            // The host may read half of it, or lose the target of the link.
            state.model.lock().may_be_rejected(&self.name);
        }
        let (bytes, path) = (self.prepare(content, worker), state.plugin(&self.name));
        if self.layout != Layout::Linked {
            let pieces = worker.cut(&bytes);
            return worker.write(method, &path, &pieces).await;
        }
        let previous = fs::read_link(&path).ok();
        let target = format!("{STORE}/{}-{}.wasm", self.name, worker.rng.u64(..));
        fs::write(state.path(&target), bytes)?;
        if method == WriteMethod::Relink && path.is_symlink() {
            fs::remove_file(&path)?;
        }
        link(Path::new("..").join(target), &path)?;
        let previous = previous.map(|previous| state.plugins().join(previous));
        previous.map_or(Ok(()), fs::remove_file)
    }

    /// Its file is removed or moved next.
    pub(super) fn may_be_absent(&mut self, state: &CampaignState) {
        state.model.lock().plugin_may_be_absent(&self.name);
        (self.is_good, self.is_changed) = (false, true);
    }
}

/// The directory of the files behind links.
pub(super) const STORE: &str = "store";
