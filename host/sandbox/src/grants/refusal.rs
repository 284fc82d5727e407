//! What was refused, and what the operator would have to write to grant it.

use std::path::Path;
use std::sync::Arc;

use super::kind::Kind;
use super::target::Peer;
use vitals_model::Secrets;
use vitals_model::{self, CheckName, Text};
use vitals_values::Host;

/// One thing that was asked for and that no grant covers. Two are equal if the operator would have
/// to write the same to grant them.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    kind: Kind,
    /// What was asked for, as the entry of the `allow` list that would grant it.
    what: Text,
    /// The granted name or path that led there, where one did.
    through: Option<Arc<str>>,
    /// Whether it is an address of this machine to which a name led.
    is_own: bool,
    /// Whether no grant could allow it.
    is_final: bool,
}

impl Refusal {
    /// A refusal of `what`, written as the entry of the `allow` list that would grant it. It may
    /// be a guest's text: it is bounded here.
    pub(crate) fn new(kind: Kind, what: &str) -> Self {
        Self {
            kind,
            what: Text::line(what, KEPT_BYTES),
            through: None,
            is_own: false,
            is_final: false,
        }
    }

    /// A refusal of `what`, in words, which nothing that an operator writes would allow.
    pub(crate) fn never(kind: Kind, what: &str) -> Self {
        Self {
            is_final: true,
            ..Self::new(kind, what)
        }
    }

    /// A refusal of an address that `peer` leads to or is; `is_own` where it is one of this machine.
    pub(super) fn of_address(peer: &Peer, address: Host, is_own: bool) -> Self {
        let through = match &peer.host {
            Host::Name(name) => Some(Arc::clone(name)),
            Host::Address(_) => None,
        };
        let what = Peer {
            host: address,
            ..peer.clone()
        };
        Self {
            is_own: is_own && through.is_some(),
            through,
            ..Self::new(peer.channel.kind(), &what.to_string())
        }
    }

    /// A refusal of the place that the path `asked` leads to or is.
    pub(super) fn of_place(asked: &Path, place: &Path) -> Self {
        Self {
            through: (asked != place).then(|| asked.to_string_lossy().into()),
            ..Self::new(Kind::File, &place.to_string_lossy())
        }
    }

    /// The kind of grant that it lacks.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The refusal as the result of `check` shows it, without `secrets`.
    pub(crate) fn shown(&self, check: &CheckName, secrets: &Secrets) -> vitals_model::Denial {
        let Self {
            kind,
            what,
            through,
            is_own,
            is_final,
        } = self;
        let what = secrets.line(what.as_str(), WHAT_BYTES);
        let through = through.as_ref().map(|name| {
            let name = secrets.line(name, THROUGH_BYTES);
            format!(", where {name} leads")
        });
        let mut through = through.unwrap_or_default();
        if *is_own {
            through.push_str(": this machine itself, which no name but `localhost` opens");
        }
        let or = match kind {
            _ if *is_own => ", or write it in place of the name",
            Kind::Name => ", or to `allow.tcp` or `allow.udp` with its port",
            _ => "",
        };
        let key = kind.key();
        let remedy = if *is_final {
            "it is never granted".to_owned()
        } else {
            format!("add it to `allow.{key}` of check `{check}`{or}")
        };
        let message = format_args!("denied: {kind} {what}{through} ({remedy})");
        vitals_model::Denial::new(kind.as_str(), Text::display(message, MESSAGE_BYTES))
    }
}

impl PartialEq for Refusal {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.what) == (other.kind, &other.what)
    }
}

impl Eq for Refusal {}

/// Room for the longest path: a secret in it must be found before it is cut.
const KEPT_BYTES: usize = 8 << 10;
/// Room for a scheme, the longest name and a port.
const WHAT_BYTES: usize = 512;
/// Room for the longest name.
const THROUGH_BYTES: usize = 256;
/// Room for that, the longest name, the longest name of a check, and the words between.
const MESSAGE_BYTES: usize = 1 << 10;
