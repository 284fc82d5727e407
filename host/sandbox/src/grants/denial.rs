//! A denial, and what the operator has to write to grant it.

use std::path::Path;
use std::sync::Arc;

use super::kind::GrantKind;
use super::target::Peer;
use vitals_model::{CheckName, Secrets, Text};
use vitals_values::Host;

/// A denied attempt to reach something. Denials are equal if the same grant would allow them.
#[derive(Clone, Debug)]
pub(crate) struct Denial {
    /// The kind of grant that is missing.
    pub(crate) kind: GrantKind,
    /// What was denied, as the entry of the `allow` list that would grant it.
    what: Text,
    /// The granted name or path that led to it, if any.
    via: Option<Arc<str>>,
    /// Whether it is an address of this host to which a name led.
    is_local: bool,
    /// Whether no grant can allow it.
    is_impossible: bool,
}

impl Denial {
    /// A denial of `what`, written as the entry of the `allow` list that would grant it. The text
    /// may come from a guest and is bounded here.
    pub(crate) fn new(kind: GrantKind, what: &str) -> Self {
        Self {
            kind,
            what: Text::line(what, MAX_KEPT_BYTES),
            via: None,
            is_local: false,
            is_impossible: false,
        }
    }

    /// A denial of `what`, in words, that no grant can allow.
    pub(crate) fn impossible(kind: GrantKind, what: &str) -> Self {
        Self {
            is_impossible: true,
            ..Self::new(kind, what)
        }
    }

    /// A denial of an address of `peer`; `is_local` if it belongs to this host.
    pub(super) fn of_address(peer: &Peer, address: Host, is_local: bool) -> Self {
        let via = match &peer.host {
            Host::Name(name) => Some(Arc::clone(name)),
            Host::Address(_) => None,
        };
        let what = Peer {
            host: address,
            ..peer.clone()
        };
        Self {
            is_local: is_local && via.is_some(),
            via,
            ..Self::new(peer.channel.kind(), &what.to_string())
        }
    }

    /// A denial of the path that `asked` resolves to.
    pub(super) fn of_resolved_path(asked: &Path, resolved: &Path) -> Self {
        Self {
            via: (asked != resolved).then(|| asked.to_string_lossy().into()),
            ..Self::new(GrantKind::File, &resolved.to_string_lossy())
        }
    }

    /// The denial as the result of `check` shows it, without `secrets`.
    pub(crate) fn shown(&self, check: &CheckName, secrets: &Secrets) -> vitals_model::Denial {
        let Self {
            kind,
            what,
            via,
            is_local,
            is_impossible,
        } = self;
        let what = secrets.line(what.as_str(), MAX_WHAT_BYTES);
        let via = via.as_ref().map(|name| {
            let name = secrets.line(name, MAX_VIA_BYTES);
            format!(", where {name} leads")
        });
        let mut via = via.unwrap_or_default();
        if *is_local {
            via.push_str(": this machine itself, which only the name `localhost` may reach");
        }
        let or = match kind {
            _ if *is_local => ", or write it in place of the name",
            GrantKind::Name => ", or to `allow.tcp` or `allow.udp` with its port",
            _ => "",
        };
        let key = kind.key();
        let remedy = if *is_impossible {
            "it is never granted".to_owned()
        } else {
            format!("add it to `allow.{key}` of check `{check}`{or}")
        };
        let message = format_args!("denied: {kind} {what}{via} ({remedy})");
        vitals_model::Denial::new(kind.as_str(), Text::display(message, MAX_MESSAGE_BYTES))
    }
}

impl PartialEq for Denial {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.what) == (other.kind, &other.what)
    }
}

impl Eq for Denial {}

/// Room for the longest path, because a secret must be found before the text is cut.
const MAX_KEPT_BYTES: usize = 8 << 10;
/// Room for a scheme, the longest name and a port.
const MAX_WHAT_BYTES: usize = 512;
/// Room for the longest name.
const MAX_VIA_BYTES: usize = 256;
/// Room for both, the longest name of a check, and the words between.
const MAX_MESSAGE_BYTES: usize = 1 << 10;
