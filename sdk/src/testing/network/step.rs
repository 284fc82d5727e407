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
    Says(Vec<u8>),
    Floods(Vec<u8>),
    Waits(Duration),
    Hears(Vec<u8>),
    HearsWhere(Predicate),
    HearsEnd,
    Replies(Responder),
    ShakesHands(Handshake),
    RefusesTls(String),
    Closes,
    Resets,
}

impl Step {
    /// Describes what the step expects, to follow "expected".
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Hears(bytes) => format!("`{}`", bytes.escape_ascii()),
            Self::HearsWhere(_) | Self::Replies(_) => "bytes that its function accepts".to_owned(),
            Self::HearsEnd => "the end of the stream".to_owned(),
            Self::ShakesHands(_) | Self::RefusesTls(_) => "a TLS handshake".to_owned(),
            Self::Says(_) | Self::Floods(_) => "speak".to_owned(),
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
