//! Admitted components by digest: each file is compiled once and shared by all plugins with the
//! same bytes, whatever their names.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::bindings::PluginPre;
use super::compile::LoadedBytes;
use super::describe::Description;
use super::schema::Schema;
use vitals_model::Digest;

/// A component that is compiled, linked and described.
pub(super) struct Admitted {
    pub(super) linked: Linked,
    pub(super) size: u64,
    pub(super) description: Description,
    pub(super) schema: Schema,
}

/// A component that is compiled, and linked to the host.
pub(super) struct Linked {
    pub(super) digest: Digest,
    pub(super) pre: PluginPre,
    pub(super) imports: Vec<String>,
    /// How long it took to compile the component, or to load it from the cache.
    pub(super) compile_time: Duration,
    /// The component's share of the loaded code.
    pub(super) _code: LoadedBytes,
}

/// The components that loaded plugins use, by digest.
#[derive(Default)]
pub(super) struct AdmittedByDigest(Mutex<HashMap<Digest, Weak<Admitted>>>);

impl AdmittedByDigest {
    /// Returns the component of a digest, if a plugin uses it.
    pub(super) fn get(&self, digest: Digest) -> Option<Arc<Admitted>> {
        let known = self.0.lock();
        known.get(&digest)?.upgrade()
    }

    /// Inserts a component and returns it, or returns the one that was inserted first.
    pub(super) fn insert(&self, admitted: Admitted) -> Arc<Admitted> {
        let mut known = self.0.lock();
        known.retain(|_, admitted| admitted.strong_count() > 0);
        let digest = admitted.linked.digest;
        if let Some(first) = known.get(&digest).and_then(Weak::upgrade) {
            return first;
        }
        let admitted = Arc::new(admitted);
        known.insert(digest, Arc::downgrade(&admitted));
        admitted
    }
}
