//! Manifests that stand alone: what a crate of this repository inherits from its workspace is written out.
//!
//! It knows the ways of inheriting that cargo has, and nothing of the crates.

use std::path::Path;

use toml::{Table, Value};

/// What the members of a workspace can inherit.
pub(super) struct Workspace(Table);

impl Workspace {
    /// The workspace of a root manifest.
    pub(super) fn of(manifest: &str) -> Result<Self, toml::de::Error> {
        let mut root: Table = manifest.parse()?;
        match root.remove("workspace") {
            Some(Value::Table(workspace)) => Ok(Self(workspace)),
            _ => Ok(Self(Table::new())),
        }
    }

    /// The manifest of a member, for its sources alone: without what only its tests need.
    pub(super) fn standing_alone(&self, manifest: &str) -> Result<String, toml::de::Error> {
        let mut manifest: Table = manifest.parse()?;
        manifest.remove("dev-dependencies");
        if let Some(Value::Table(package)) = manifest.get_mut("package") {
            for (key, value) in package {
                if inherits(value) {
                    *value = self.value("package", key);
                }
            }
        }
        if manifest.get("lints").is_some_and(inherits)
            && let Some(lints) = self.0.get("lints")
        {
            manifest.insert("lints".to_owned(), lints.clone());
        }
        self.write_out(&mut manifest);
        if let Some(Value::Table(targets)) = manifest.get_mut("target") {
            for (_, target) in targets {
                if let Value::Table(target) = target {
                    self.write_out(target);
                }
            }
        }
        Ok(format!(
            "# Made by `vitals new` of the manifest in vitals' repository.\n\n{manifest}"
        ))
    }

    /// The dependencies in a table that has some.
    fn write_out(&self, table: &mut Table) {
        let Some(Value::Table(dependencies)) = table.get_mut("dependencies") else {
            return;
        };
        for (name, dependency) in dependencies {
            if inherits(dependency) {
                *dependency = self.value("dependencies", name);
                // As the repository lies it is named from the root, and here from the SDK, which has it.
                if let Some(Value::String(path)) = dependency.get_mut("path")
                    && let Some(name) = Path::new(path).file_name()
                {
                    *path = name.to_string_lossy().into_owned();
                }
            }
        }
    }

    fn value(&self, table: &str, key: &str) -> Value {
        let value = self.0.get(table).and_then(|table| table.get(key));
        value.cloned().expect("the workspace was built with it")
    }
}

/// Whether it is `{ workspace = true }`.
fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inherited_is_written_out() {
        let workspace = Workspace::of(
            "[workspace.package]\nversion = '1.2.3'\n[workspace.lints.rust]\nunsafe_code = 'deny'\n\
             [workspace.dependencies]\na = { path = 'b/a', version = '1' }\nc = { version = '2', features = ['d'] }",
        );
        let alone = workspace.unwrap().standing_alone(
            "[package]\nname = 'b'\nversion.workspace = true\n[lints]\nworkspace = true\n\
             [dependencies]\na.workspace = true\ne = '3'\n[target.'cfg(unix)'.dependencies]\nc.workspace = true\n\
             [dev-dependencies]\nf = '4'",
        );
        let alone: Table = alone.unwrap().parse().unwrap();
        let expected: Table =
            "[package]\nname = 'b'\nversion = '1.2.3'\n[lints.rust]\nunsafe_code = 'deny'\n\
             [dependencies]\na = { path = 'a', version = '1' }\ne = '3'\n\
             [target.'cfg(unix)'.dependencies]\nc = { version = '2', features = ['d'] }"
                .parse()
                .unwrap();
        assert_eq!(alone, expected);
    }
}
