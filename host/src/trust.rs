//! Whom TLS connections trust: sets of roots, and the verification of a server's chain within bounds.
//!
//! The host's own clients and the connections of guests share it. It knows neither who connects nor what
//! for.

mod chain;
mod roots;
mod verifier;
mod words;

pub(crate) use self::chain::{hold_to_bounds, verify};
pub(crate) use self::roots::{RootFiles, SharedRoots};
pub use self::roots::{Roots, RootsError};
pub(crate) use self::verifier::Verifier;
pub(crate) use self::words::{doubt, protocol_error, unprovable};
