//! The roots that TLS connections trust, the verification of a server's chain within bounds, and the
//! identities of clients.
//!
//! The host's own clients and the connections of guests share this module. It knows neither who
//! connects nor why.

mod chain;
mod identity;
mod messages;
mod roots;
mod verifier;

pub use self::chain::{ChainError, TrustStore, check_size, verify};
pub use self::identity::{Identity, IdentityError};
pub use self::messages::{protocol_error, verification_error, weak_key_error};
pub use self::roots::{Client, RootFiles, Roots, RootsError, SharedRoots};
pub use self::verifier::Verifier;
