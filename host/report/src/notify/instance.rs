//! The name of this host, and the URLs of its pages.

use std::fmt::Write as _;

use vitals_config::Notify;
use vitals_model::CheckName;

/// The host as notifications name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct InstanceInfo {
    pub(super) name: String,
    external_url: Option<String>,
}

impl InstanceInfo {
    pub(super) fn new(notify: &Notify) -> Self {
        let of_machine = || {
            let machine = rustix::system::uname();
            machine.nodename().to_string_lossy().into_owned()
        };
        Self {
            name: notify.instance.clone().unwrap_or_else(of_machine),
            external_url: notify.external_url.clone(),
        }
    }

    /// Returns the URL of a check's page.
    pub(super) fn page_of(&self, check: &CheckName) -> Option<String> {
        let mut url = self.external_url.clone()?;
        // Writing to a string can't fail.
        let _ = write!(url, "/health/checks/{check}");
        Some(url)
    }
}
