//! Whom TLS connections trust: sets of roots, and the verification of a server's chain within bounds.
//!
//! The host's own clients and the connections of guests share it. It knows neither who connects nor what
//! for.

mod chain;
mod roots;
mod verifier;
mod words;

pub use self::chain::{hold_to_bounds, verify};
pub use self::roots::{RootFiles, SharedRoots};
pub use self::roots::{Roots, RootsError};
pub use self::verifier::Verifier;
pub use self::words::{doubt, protocol_error, unprovable};
