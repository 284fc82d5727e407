//! Thousands of versions of one guest, whose version is overwritten in its bytes; and bytes that are
//! no working plugin.

use std::fmt;
use std::fs;

use fastrand::Rng;
use parking_lot::Mutex;
use vitals_host::check::Digest;

use crate::{guests, hostile};

/// A version of a plugin. A later one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32);

/// All versions that were made.
pub(super) struct Versions {
    good: Vec<u8>,
    trapping: Vec<u8>,
    undescribed: Vec<u8>,
    /// The digests of the versions, beginning with version 1.
    digests: Mutex<Vec<String>>,
}

/// Bytes that must never serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Empty,
    Garbage,
    /// The beginning of a good version.
    Truncated,
    TrapsInDescribe,
    /// Only a trial run shows that it is broken.
    TrapsInCheck,
}

impl Broken {
    pub(super) const ALL: [Self; 5] = [
        Self::Empty,
        Self::Garbage,
        Self::Truncated,
        Self::TrapsInDescribe,
        Self::TrapsInCheck,
    ];
}

impl Version {
    /// The version that a message names.
    pub(super) fn of_message(message: &str) -> Option<Self> {
        let digits = message.len() == DIGITS && message.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| message.parse().ok().map(Self)).flatten()
    }

    /// The version in the plugin's description.
    pub(super) fn described(self) -> String {
        format!("{BEFORE_DIGITS}{self}")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0DIGITS$}", self.0)
    }
}

impl Versions {
    pub(super) fn new() -> Self {
        let path = guests::root().join("tests/guests/wat/versioned.wat");
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        let make = |check, description| {
            let text = text.replace("{answer}", check);
            hostile::made(&text.replace("{description}", description))
        };
        let (healthy, described) = ("(i32.const 224)", "(i32.const 160)");
        Self {
            good: make(healthy, described),
            trapping: make("unreachable", described),
            undescribed: make(healthy, "unreachable"),
            digests: Mutex::default(),
        }
    }

    /// Makes a new version.
    pub(super) fn next(&self) -> Version {
        let mut digests = self.digests.lock();
        let version = Version(u32::try_from(digests.len()).expect("few versions") + 1);
        digests.push(Digest::of(&self.bytes(version)).to_string());
        version
    }

    pub(super) fn bytes(&self, version: Version) -> Vec<u8> {
        stamped(&self.good, version)
    }

    /// The SHA-256 of a version that was made.
    pub(super) fn digest(&self, version: Version) -> Option<String> {
        let at = version.0.checked_sub(1)?;
        self.digests.lock().get(usize::try_from(at).ok()?).cloned()
    }

    /// Broken bytes, with a version that is never made.
    pub(super) fn broken(&self, broken: Broken, rng: &mut Rng) -> Vec<u8> {
        let version = Version(LAST_GOOD + rng.u32(1..LAST_GOOD));
        match broken {
            Broken::Empty => Vec::new(),
            Broken::Garbage => (0..rng.usize(1..4000)).map(|_| rng.u8(..)).collect(),
            Broken::Truncated => {
                let mut bytes = self.bytes(version);
                bytes.truncate(rng.usize(8..bytes.len()));
                bytes
            }
            Broken::TrapsInDescribe => stamped(&self.undescribed, version),
            Broken::TrapsInCheck => stamped(&self.trapping, version),
        }
    }
}

fn stamped(template: &[u8], version: Version) -> Vec<u8> {
    let unmarked = Version(0).described();
    let mut places = template.windows(unmarked.len());
    let at = places.position(|place| place == unmarked.as_bytes());
    let at = at.expect("the guest has a version that can be overwritten");
    let mut bytes = template.to_vec();
    bytes[at..at + unmarked.len()].copy_from_slice(version.described().as_bytes());
    bytes
}

const DIGITS: usize = 8;
const BEFORE_DIGITS: &str = "1.0.";
/// Greater versions are those of broken bytes.
const LAST_GOOD: u32 = 40_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_its_own_bytes() {
        let versions = Versions::new();
        let (one, two) = (versions.next(), versions.next());
        assert!(one < two && versions.bytes(one) != versions.bytes(two));
        let digest = Digest::of(&versions.bytes(two)).to_string();
        assert_eq!(versions.digest(two), Some(digest));
        assert_eq!(Version::of_message(&two.to_string()), Some(two));
        assert_eq!(Version::of_message("not run yet"), None);
    }

    #[test]
    fn broken_bytes_are_never_a_version_that_was_made() {
        let versions = Versions::new();
        let version = versions.next();
        let mut rng = Rng::with_seed(1);
        for broken in Broken::ALL {
            let bytes = versions.broken(broken, &mut rng);
            let text = version.described();
            let mut places = bytes.windows(text.len());
            assert!(!places.any(|place| place == text.as_bytes()), "{broken:?}");
        }
    }
}
