//! An index of secrets, which finds the secrets that begin at a position of a text.
//!
//! It compares bytes. It does not know how texts are sanitized or redacted.

use std::collections::{BTreeSet, HashMap};

use secrecy::{ExposeSecret, SecretString};

use super::forms::forms;

/// An index of secrets by their first bytes.
#[derive(Clone, Default)]
pub(super) struct Index {
    by_start: HashMap<[u8; SHORTEST], Vec<SecretString>>,
    /// The set of first bytes of all secrets, as bits. Most positions of a text are skipped by this set
    /// alone.
    first_bytes: [u64; 4],
    /// The length of the longest secret in bytes.
    pub(super) longest: usize,
}

impl Index {
    /// Makes an index of the texts that are long enough to be secrets.
    pub(super) fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut index = Self::default();
        for text in texts.into_iter().flat_map(|text| forms(text.as_ref())) {
            if !index.contains(&text) {
                index.insert(&text);
            }
        }
        index
    }

    pub(super) fn texts(&self) -> BTreeSet<&str> {
        let texts = self.by_start.values().flatten();
        texts.map(ExposeSecret::expose_secret).collect()
    }

    /// Adds a secret that is not in the index yet. A text that is too short is ignored.
    pub(super) fn insert(&mut self, secret: &str) {
        if let Some(start) = secret.as_bytes().first_chunk() {
            self.first_bytes[usize::from(start[0] / 64)] |= 1 << (start[0] % 64);
            self.longest = self.longest.max(secret.len());
            let candidates = self.by_start.entry(*start).or_default();
            candidates.push(SecretString::from(secret));
        }
    }

    pub(super) fn contains(&self, secret: &str) -> bool {
        let start = secret.as_bytes().first_chunk::<SHORTEST>();
        let candidates = start.and_then(|start| self.by_start.get(start));
        candidates.is_some_and(|known| known.iter().any(|known| known.expose_secret() == secret))
    }

    /// The length of the longest secret at the beginning of `rest`. `window` is its first [`SHORTEST`] bytes.
    pub(super) fn longest_at(&self, window: &[u8], rest: &[u8]) -> Option<usize> {
        if self.first_bytes[usize::from(window[0] / 64)] & (1 << (window[0] % 64)) == 0 {
            return None;
        }
        let candidates = self.by_start.get(window)?.iter();
        candidates
            .map(ExposeSecret::expose_secret)
            .filter(|secret| rest.starts_with(secret.as_bytes()))
            .map(str::len)
            .max()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_start.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.by_start.values().map(Vec::len).sum()
    }
}

/// The length of the shortest secret in bytes.
pub(super) const SHORTEST: usize = 6;
