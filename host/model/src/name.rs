//! Identifiers, parsed once where they enter the host: names of checks and plugins, digests of files.
//!
//! This module does not know which checks or plugins exist.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Text;

/// The name of a check, as `/health` shows it: `[a-z0-9][a-z0-9._-]{0,63}`. The check of a plugin that was
/// dropped into the plugins directory has the prefix `module:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CheckName(String);

impl CheckName {
    /// The name of the check that runs for a dropped-in plugin: `module:<file stem>`.
    pub fn module(plugin: &PluginName) -> Self {
        Self(format!("{MODULE}{plugin}"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a plugin: the stem of its file name, `[a-z0-9][a-z0-9._-]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginName(String);

impl PluginName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The SHA-256 digest of a plugin file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Computes the digest of the bytes of a file.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 hexadecimal digits, which distinguish versions for people.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

/// A text that is not a valid name or digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {kind}: {rule}")]
pub struct InvalidName {
    kind: &'static str,
    text: Text,
    rule: &'static str,
}

impl FromStr for CheckName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if is_name(text.strip_prefix(MODULE).unwrap_or(text)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::new("check name", text, NAME_RULE))
        }
    }
}

impl FromStr for PluginName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if is_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::new("plugin name", text, NAME_RULE))
        }
    }
}

impl FromStr for Digest {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(InvalidName::new("SHA-256 digest", text, DIGEST_RULE)),
        }
    }
}

impl InvalidName {
    fn new(kind: &'static str, text: &str, rule: &'static str) -> Self {
        let text = Text::line(text, SHOWN_BYTES);
        Self { kind, text, rule }
    }

    /// The rule for valid texts, as an instruction.
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

macro_rules! text_identifier {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }
    };
}

text_identifier!(CheckName);
text_identifier!(PluginName);

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    (1..=64).contains(&bytes.len())
        && plain(bytes[0])
        && bytes
            .iter()
            .all(|&byte| plain(byte) || b"._-".contains(&byte))
}

const MODULE: &str = "module:";
const NAME_RULE: &str =
    "use 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`, starting with a letter or digit";
const DIGEST_RULE: &str = "use the 64 hexadecimal digits that `sha256sum` prints";
const SHOWN_BYTES: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_other_characters_are_rejected() {
        for good in ["a", "0", "orders-db", "a.b_c-9", &"x".repeat(64)] {
            assert!(good.parse::<CheckName>().is_ok(), "{good}");
            assert!(good.parse::<PluginName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            ".a",
            "A",
            "a b",
            "ä",
            "a/b",
            "module:",
            &"x".repeat(65),
        ] {
            assert!(bad.parse::<CheckName>().is_err(), "{bad}");
            assert!(bad.parse::<PluginName>().is_err(), "{bad}");
        }
        assert!("module:billing".parse::<CheckName>().is_ok());
        assert!("module:billing".parse::<PluginName>().is_err());
    }

    #[test]
    fn the_error_states_the_rule() {
        let error = "Orders DB\n".parse::<CheckName>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`Orders DB ` is not a valid check name: use 1 to 64 characters of a-z, 0-9, `.`, `_` \
             and `-`, starting with a letter or digit"
        );
    }

    #[test]
    fn a_digest_parses_from_its_own_text() {
        let digest = Digest::of(b"vitals");
        assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
        assert!("ab".parse::<Digest>().is_err());
        assert_eq!(digest.short(), digest.to_string()[..12]);
    }
}
