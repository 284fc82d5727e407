//! The roots that TLS connections trust, and the verification of a server's chain within bounds.
//!
//! The host's own clients and the connections of guests share this module. It knows neither who
//! connects nor why.

mod chain;
mod messages;
mod roots;
mod verifier;

pub use self::chain::{ChainError, check_size, verify};
pub use self::messages::{protocol_error, verification_error, weak_key_error};
pub use self::roots::{Client, RootFiles, Roots, RootsError, SharedRoots};
pub use self::verifier::Verifier;
