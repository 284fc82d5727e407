//! What a file is once it has passed the gate, whatever it is called: compiled once for a digest,
//! and shared by the plugins whose files are of it.

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
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) description: Description,
    pub(super) schema: Schema,
    pub(super) imports: Vec<String>,
    /// How long it took to compile, or to load from the cache.
    pub(super) compile_time: Duration,
    pub(super) pre: PluginPre,
    /// The place of its code among what is loaded.
    pub(super) _code: LoadedBytes,
}

/// What some plugin is of, by digest.
#[derive(Default)]
pub(super) struct AdmittedByDigest(Mutex<HashMap<Digest, Weak<Admitted>>>);

impl AdmittedByDigest {
    /// What is known of a file, if some plugin is of it.
    pub(super) fn get(&self, digest: Digest) -> Option<Arc<Admitted>> {
        let known = self.0.lock();
        known.get(&digest)?.upgrade()
    }

    /// Shares what became of a file; where another of its digest came first, that one is the answer.
    pub(super) fn insert(&self, admitted: Admitted) -> Arc<Admitted> {
        let mut known = self.0.lock();
        known.retain(|_, admitted| admitted.strong_count() > 0);
        if let Some(first) = known.get(&admitted.digest).and_then(Weak::upgrade) {
            return first;
        }
        let admitted = Arc::new(admitted);
        known.insert(admitted.digest, Arc::downgrade(&admitted));
        admitted
    }
}
