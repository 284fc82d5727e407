//! The widening rule: as long as a check's configuration stays the same, a new plugin file never
//! gives it more grants than the previous version.
//!
//! The grants of a check follow from its configuration and from the marks in its plugin's schema.
//! The schema comes with the file. A file whose marks would add a grant is therefore rejected, and
//! the previous version stays active.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use vitals_config::{CheckConfig, Secrets};
use vitals_model::{CheckName, Digest, PluginName};
use vitals_sandbox::grants::{self, Grant};
use vitals_sandbox::{LoadError, Plugin};

/// The grants that the checks of a plugin have so far. A new version is compared with them.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    checks: Vec<(CheckName, GrantBaseline)>,
    secrets: Secrets,
}

/// The configuration and schema that a check last ran with. Its grants follow from both.
#[derive(Clone, Debug)]
pub(super) struct GrantBaseline {
    pub(super) plugin: PluginName,
    pub(super) schema: Arc<Value>,
    pub(super) check: Arc<CheckConfig>,
}

impl Baseline {
    /// Collects the checks that a new version of `plugin` is compared with: those whose
    /// configuration equals the one in `last_granted`. If the configuration of a check has changed,
    /// the operator has reviewed it. A plugin whose file was missing for a while is compared with
    /// the version before that.
    pub(super) fn new(
        plugin: &PluginName,
        checks: &[(CheckName, Arc<CheckConfig>)],
        last_granted: &BTreeMap<CheckName, GrantBaseline>,
        secrets: &Secrets,
    ) -> Self {
        let of_check = |(name, check): &(CheckName, Arc<CheckConfig>)| {
            let given = last_granted.get(name)?;
            let is_same = given.plugin == *plugin && given.check == *check;
            is_same.then(|| (name.clone(), given.clone()))
        };
        Self {
            checks: checks.iter().filter_map(of_check).collect(),
            secrets: secrets.clone(),
        }
    }

    /// Rejects a version that would give a check more grants than the previous version, unless the
    /// operator `accepted` it for that check. A check that pins this content by its digest has
    /// accepted it. Blocks.
    pub(crate) fn check_grants(
        &self,
        candidate: &Plugin,
        accepted: &BTreeSet<CheckName>,
    ) -> Result<(), LoadError> {
        let document = candidate.schema().document();
        let Some((name, check, added)) = self.widened(document, candidate.digest(), accepted)
        else {
            return Ok(());
        };
        // Includes values that the new schema marks as secret, even if the old one did not.
        let values = check.settings.as_ref().map(|settings| &settings.values);
        let binding = values
            .ok()
            .and_then(|values| candidate.schema().bind(values).ok());
        let secrets = match binding {
            Some(binding) => self.secrets.with(&binding.secrets),
            None => self.secrets.clone(),
        };
        let shown = added.iter().take(SHOWN).map(ToString::to_string);
        let mut grants = shown
            .map(|grant| format!("`{}`", secrets.line(&grant, SHOWN_BYTES)))
            .collect::<Vec<_>>()
            .join(", ");
        if added.len() > SHOWN {
            grants.push_str(" and more");
        }
        Err(LoadError::Widening {
            check: name.clone(),
            grants,
        })
    }

    /// Returns the first check that `schema` would give more grants, with those grants.
    fn widened(
        &self,
        schema: &Value,
        digest: Digest,
        accepted: &BTreeSet<CheckName>,
    ) -> Option<(&CheckName, &CheckConfig, Vec<Grant>)> {
        let checks = self
            .checks
            .iter()
            .filter(|(name, given)| !accepted.contains(name) && given.check.sha256 != Some(digest));
        checks
            .map(|(name, before)| {
                let check = &before.check;
                let mut given = marked_grants(&before.schema, check);
                given.extend(allowed_grants(check));
                let mut added = marked_grants(schema, check);
                added.retain(|grant| !given.iter().any(|given| given.covers(grant)));
                (name, check.as_ref(), added)
            })
            .find(|(_, _, added)| !added.is_empty())
    }
}

/// Returns the grants that the marks of a schema give a check. Invalid marks grant nothing, because
/// the check does not run with them.
fn marked_grants(schema: &Value, check: &CheckConfig) -> Vec<Grant> {
    let Ok(settings) = &check.settings else {
        return Vec::new();
    };
    let config = Value::Object(settings.values.clone());
    grants::granted_by_marks(schema, &config).unwrap_or_default()
}

fn allowed_grants(check: &CheckConfig) -> impl Iterator<Item = Grant> {
    let entries = check.allow.kinds().into_iter();
    entries.flat_map(|(key, entries)| {
        let grants = entries
            .iter()
            .map(move |entry| Grant::allowed(key, &entry.text));
        grants.filter_map(Result::ok)
    })
}

/// The number of grants that an error lists.
const SHOWN: usize = 4;
const SHOWN_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use vitals_config::Config;

    /// A plugin schema that marks each of `marks` with its kind.
    fn schema(marks: &[(&str, &str)]) -> Value {
        let properties: serde_json::Map<_, _> = marks
            .iter()
            .map(|(property, mark)| ((*property).to_owned(), json!({"x-vitals-grant": mark})))
            .collect();
        json!({"properties": properties})
    }

    fn baseline(before: Option<Value>, checks: &str) -> Baseline {
        let config: Config = checks.parse().unwrap();
        let before = before.map(Arc::new);
        let given = |(name, check): (&CheckName, &CheckConfig)| {
            let given = GrantBaseline {
                plugin: "p".parse().unwrap(),
                schema: before.clone()?,
                check: Arc::new(check.clone()),
            };
            Some((name.clone(), given))
        };
        Baseline {
            checks: config.checks.iter().filter_map(given).collect(),
            secrets: config.secrets.clone(),
        }
    }

    /// Returns the grants that a schema would add, as `check: grants`, or an empty string.
    fn added(baseline: &Baseline, schema: &Value, accepted: &[&str]) -> String {
        let accepted = accepted.iter().map(|name| name.parse().unwrap()).collect();
        let widened = baseline.widened(schema, Digest::of(b"new"), &accepted);
        widened.map_or(String::new(), |(name, _, added)| {
            let added: Vec<_> = added.iter().map(ToString::to_string).collect();
            format!("{name}: {}", added.join(", "))
        })
    }

    const TWO: &str = "[checks.a]\nplugin = 'p'\nconfig = { x = 'a.test:1', y = 'b.test:2' }\n\
                       [checks.b]\nplugin = 'p'\nconfig = { x = 'c.test:1' }\n\
                       allow = { tcp = ['d.test:4'] }\n";

    #[test]
    fn grants_that_a_new_schema_adds_are_found_for_each_check() {
        let narrow = || Some(schema(&[("x", "tcp")]));
        let wide = schema(&[("x", "tcp"), ("y", "tcp")]);
        let both = baseline(narrow(), TWO);
        assert_eq!(added(&both, &wide, &[]), "a: tcp b.test:2");
        assert_eq!(added(&both, &wide, &["a"]), "", "only that one gets more");
        assert_eq!(added(&both, &wide, &["b"]), "a: tcp b.test:2");
        // A different kind of grant for the same value counts as more.
        assert_eq!(
            added(&both, &schema(&[("x", "udp")]), &[]),
            "a: udp a.test:1"
        );
    }

    #[test]
    fn equal_or_narrower_grants_are_accepted() {
        let wide = || schema(&[("x", "tcp"), ("y", "tcp")]);
        for new in [wide(), schema(&[("y", "tcp")]), schema(&[]), json!(true)] {
            assert_eq!(added(&baseline(Some(wide()), TWO), &new, &[]), "", "{new}");
        }
        // Grants that `allow` already gives are not new.
        let allowed = TWO.replace("c.test:1", "d.test:4");
        let before = baseline(Some(schema(&[("y", "tcp")])), &allowed);
        assert_eq!(added(&before, &schema(&[("x", "tcp")]), &["a"]), "");
    }

    #[test]
    fn a_first_version_widens_nothing() {
        let all = schema(&[("x", "tcp"), ("y", "tcp")]);
        assert_eq!(added(&baseline(None, TWO), &all, &[]), "");
    }

    #[test]
    fn a_check_that_pins_the_digest_has_accepted_its_grants() {
        let pinned = TWO.replace(
            "[checks.b]",
            &format!("sha256 = '{}'\n[checks.b]", Digest::of(b"new")),
        );
        let wide = schema(&[("x", "tcp"), ("y", "tcp")]);
        let before = baseline(Some(schema(&[("x", "tcp")])), &pinned);
        assert_eq!(added(&before, &wide, &[]), "");
    }

    #[test]
    fn invalid_marks_grant_nothing() {
        let before = baseline(Some(schema(&[("x", "ftp")])), TWO);
        assert_eq!(
            added(&before, &schema(&[("x", "tcp")]), &[]),
            "a: tcp a.test:1"
        );
    }
}
