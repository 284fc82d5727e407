//! Decides which names native checks may have.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;

use vitals_config::Config;
use vitals_model::{CheckName, InvalidName};

/// The reason why a native check can't have a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is not a valid check name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The configuration uses the name for a check with a plugin.
    #[error(
        "check `{0}` has a `plugin` in the configuration: remove it, or register under another \
         name"
    )]
    Taken(CheckName),
}

/// The names of checks with a plugin in the configuration. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct ReservedNames(Arc<ArcSwap<BTreeSet<CheckName>>>);

impl ReservedNames {
    /// Returns the names that a configuration gives to checks with a plugin.
    pub fn new(config: &Config) -> Self {
        let names = Self::default();
        names.set(config);
        names
    }

    /// Replaces the names with those of another configuration.
    pub(crate) fn set(&self, config: &Config) {
        let of_plugins = config
            .checks
            .iter()
            .filter(|(_, check)| check.plugin.is_some());
        let names = of_plugins.map(|(name, _)| name.clone());
        self.0.store(Arc::new(names.collect()));
    }

    /// Parses the name of a native check.
    ///
    /// # Errors
    ///
    /// The name is invalid, or the configuration uses it for a check with a plugin.
    pub fn native(&self, text: &str) -> Result<CheckName, RegisterError> {
        let name: CheckName = text.parse()?;
        if self.0.load().contains(&name) {
            Err(RegisterError::Taken(name))
        } else {
            Ok(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_check_with_a_plugin_is_taken() {
        let config = "[checks.db]\nplugin = 'postgres'\n[checks.own]\ninterval = '9s'";
        let names = ReservedNames::new(&config.parse().unwrap());
        assert!(names.native("own").is_ok() && names.native("other").is_ok());
        let error = names.native("db").unwrap_err();
        assert!(
            error.to_string().starts_with("check `db` has a `plugin`"),
            "{error}"
        );
        assert!(matches!(
            names.native("No Name"),
            Err(RegisterError::Name(_))
        ));
    }
}
