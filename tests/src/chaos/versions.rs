//! Plugins by the thousand: one guest whose version is written over in its bytes, and what is no
//! plugin at all.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::sync::{Mutex, PoisonError};

use fastrand::Rng;
use vitals_host::check::Digest;

use crate::{guests, hostile};

/// A version of a plugin; no two files that are written have the same, unless they are meant to be
/// twins. A later one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32);

/// Makes versions.
pub(super) struct Foundry {
    good: Vec<u8>,
    trapping: Vec<u8>,
    undescribed: Vec<u8>,
    /// Every version that was made, with the digest of its bytes.
    made: Mutex<BTreeMap<Version, String>>,
}

/// Bytes that must never serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Empty,
    Garbage,
    /// The beginning of a good version.
    Truncated,
    /// Traps in `describe`.
    Undescribed,
    /// Says what it is, and traps in its check: only a trial can tell.
    Trapping,
}

impl Broken {
    pub(super) const ALL: [Self; 5] = [
        Self::Empty,
        Self::Garbage,
        Self::Truncated,
        Self::Undescribed,
        Self::Trapping,
    ];

    /// What a summary calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Garbage => "garbage",
            Self::Truncated => "truncated",
            Self::Undescribed => "traps in describe",
            Self::Trapping => "traps in check",
        }
    }
}

impl Version {
    /// The version that a message says.
    pub(super) fn of_message(message: &str) -> Option<Self> {
        let digits = message.len() == DIGITS && message.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| message.parse().ok().map(Self)).flatten()
    }

    /// What a plugin of this version says of itself.
    pub(super) fn described(self) -> String {
        format!("{BEFORE_DIGITS}{self}")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0DIGITS$}", self.0)
    }
}

impl Foundry {
    pub(super) fn new() -> Self {
        let path = guests::root().join("tests/guests/wat/versioned.wat");
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        let make = |answer, description| {
            let text = text.replace("{answer}", answer);
            hostile::made(&text.replace("{description}", description))
        };
        let (well, described) = ("(i32.const 224)", "(i32.const 160)");
        Self {
            good: make(well, described),
            trapping: make("unreachable", described),
            undescribed: make(well, "unreachable"),
            made: Mutex::default(),
        }
    }

    /// A version that there was not before, and its bytes.
    pub(super) fn next(&self) -> (Version, Vec<u8>) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let last = made.last_key_value().map_or(0, |(last, _)| last.0);
        let version = Version(last + 1);
        let bytes = stamped(&self.good, version);
        made.insert(version, Digest::of(&bytes).to_string());
        (version, bytes)
    }

    /// The bytes of a version.
    pub(super) fn bytes(&self, version: Version) -> Vec<u8> {
        stamped(&self.good, version)
    }

    /// The SHA-256 of a version's bytes; nothing where it was never made.
    pub(super) fn digest(&self, version: Version) -> Option<String> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.get(&version).cloned()
    }

    /// Bytes that are broken in this way. Where they say a version, it is one of their own.
    pub(super) fn broken(&self, broken: Broken, rng: &mut Rng) -> Vec<u8> {
        let odd = Version(LAST_GOOD + rng.u32(1..LAST_GOOD));
        match broken {
            Broken::Empty => Vec::new(),
            Broken::Garbage => (0..rng.usize(1..4000)).map(|_| rng.u8(..)).collect(),
            Broken::Truncated => {
                let mut bytes = stamped(&self.good, odd);
                bytes.truncate(rng.usize(8..bytes.len()));
                bytes
            }
            Broken::Undescribed => stamped(&self.undescribed, odd),
            Broken::Trapping => stamped(&self.trapping, odd),
        }
    }
}

fn stamped(template: &[u8], version: Version) -> Vec<u8> {
    let unmarked = format!("{BEFORE_DIGITS}{:0DIGITS$}", 0);
    let mut places = template.windows(unmarked.len());
    let at = places.position(|place| place == unmarked.as_bytes());
    let at = at.expect("the guest has a version to be written over") + BEFORE_DIGITS.len();
    let mut bytes = template.to_vec();
    bytes[at..at + DIGITS].copy_from_slice(version.to_string().as_bytes());
    bytes
}

const DIGITS: usize = 8;
const BEFORE_DIGITS: &str = "1.0.";
/// Versions beyond are those of what is broken.
const LAST_GOOD: u32 = 40_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_bytes_of_its_own() {
        let foundry = Foundry::new();
        let (one, of_one) = foundry.next();
        let (two, of_two) = foundry.next();
        assert!(one < two && of_one != of_two);
        let digest = Digest::of(&of_two).to_string();
        assert_eq!(foundry.digest(two), Some(digest));
        assert_eq!(Version::of_message(&two.to_string()), Some(two));
        assert_eq!(Version::of_message("not run yet"), None);
    }

    #[test]
    fn what_is_broken_is_never_a_version_that_was_made() {
        let foundry = Foundry::new();
        let (version, good) = foundry.next();
        let mut rng = Rng::with_seed(1);
        for broken in Broken::ALL {
            let bytes = foundry.broken(broken, &mut rng);
            assert_ne!(bytes, good);
            let text = version.described();
            let mut places = bytes.windows(text.len());
            assert!(!places.any(|place| place == text.as_bytes()), "{broken:?}");
        }
    }
}
