//! The steps of a peer's script.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Peer;
use crate::tls::Handshake;

// Functions, shared by all connections to a peer.
type Predicate = Arc<Mutex<dyn FnMut(&[u8]) -> bool + Send>>;
type Responder = Arc<Mutex<dyn FnMut(&[u8]) -> Peer + Send>>;

/// One step of a peer.
#[derive(Clone)]
pub(super) enum Step {
    Sends(Vec<u8>),
    Floods(Vec<u8>),
    Waits(Duration),
    Expects(Vec<u8>),
    ExpectsWhere(Predicate),
    ExpectsEnd,
    Replies(Responder),
    AcceptsTls(Handshake),
    RefusesTls(String),
    Closes,
    Resets,
}

impl Step {
    /// Describes what the step expects, to follow "expected".
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Expects(bytes) => format!("`{}`", bytes.escape_ascii()),
            Self::ExpectsWhere(_) | Self::Replies(_) => {
                "bytes that its function accepts".to_owned()
            }
            Self::ExpectsEnd => "the end of the stream".to_owned(),
            Self::AcceptsTls(_) | Self::RefusesTls(_) => "a TLS handshake".to_owned(),
            Self::Sends(_) | Self::Floods(_) => "speak".to_owned(),
            Self::Waits(_) => "wait".to_owned(),
            Self::Closes | Self::Resets => "close".to_owned(),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expected())
    }
}
