//! Sources of trusted root certificates.
//!
//! Only names them. `vitals-io` reads the certificates.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A source of trusted root certificates: `system`, or the path of a PEM file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(from = "PathBuf", into = "PathBuf")]
#[schemars(with = "String", inline)]
pub enum Root {
    /// The root certificates that the machine trusts.
    System,
    /// The certificates in a PEM file.
    File(PathBuf),
}

impl From<PathBuf> for Root {
    fn from(path: PathBuf) -> Self {
        if path.as_os_str() == SYSTEM {
            Self::System
        } else {
            Self::File(path)
        }
    }
}

impl From<Root> for PathBuf {
    fn from(root: Root) -> Self {
        match root {
            Root::System => SYSTEM.into(),
            Root::File(path) => path,
        }
    }
}

const SYSTEM: &str = "system";
