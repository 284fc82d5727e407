//! What a script is made of.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Peer;
use crate::tls::Handshake;

// Functions, which all connections to a peer share.
type Matches = Arc<Mutex<dyn FnMut(&[u8]) -> bool + Send>>;
type Reply = Arc<Mutex<dyn FnMut(&[u8]) -> Peer + Send>>;

/// One thing that a peer does.
#[derive(Clone)]
pub(super) enum Step {
    Says(Vec<u8>),
    Floods(Vec<u8>),
    Waits(Duration),
    Hears(Vec<u8>),
    HearsWhere(Matches),
    HearsEnd,
    Replies(Reply),
    ShakesHands(Handshake),
    RefusesTls(String),
    Closes,
    Resets,
}

impl Step {
    /// What it is about to do, behind "was to".
    pub(super) fn plan(&self) -> String {
        match self {
            Self::Hears(bytes) => format!("hear `{}`", bytes.escape_ascii()),
            Self::HearsWhere(_) | Self::Replies(_) => "hear what a function looks for".to_owned(),
            Self::HearsEnd => "hear the end".to_owned(),
            Self::ShakesHands(_) | Self::RefusesTls(_) => "start TLS".to_owned(),
            Self::Says(_) | Self::Floods(_) => "speak".to_owned(),
            Self::Waits(_) => "wait".to_owned(),
            Self::Closes | Self::Resets => "close".to_owned(),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plan())
    }
}
