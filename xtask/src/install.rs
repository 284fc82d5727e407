//! What the machine itself must have: the compilation target of the guests, Debian packages, and
//! tools that cargo installs.
//!
//! It must not know who needs them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::command::{cargo, command, output, run, succeeds};
use crate::step::note;
use crate::workspace;

/// The compilation target of every guest in Rust.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Adds the compilation target of the guests to the toolchain, where it is missing.
///
/// # Errors
///
/// There is no `rustup`, or it could not add the target.
pub(crate) fn guest_target() -> Result<()> {
    // Asked of the compiler, since a toolchain can have the target without rustup.
    let Some(sysroot) = output("rustc", &["--print", "sysroot"])? else {
        bail!("cannot find `rustc`: install Rust by https://rustup.rs");
    };
    if std::path::Path::new(&sysroot)
        .join("lib/rustlib")
        .join(TARGET)
        .exists()
    {
        return Ok(());
    }
    if !succeeds("rustup", &["--version"]) {
        bail!(
            "cannot build the guests: the Rust toolchain in {sysroot} lacks the target {TARGET}, and there is no \
             `rustup` that could add it: install Rust by https://rustup.rs and type `rustup target add {TARGET}`"
        );
    }
    note(&format!("rustup target add {TARGET}"));
    run(command("rustup").args(["target", "add", TARGET]))
}

/// Installs this version of a tool from crates.io into `target/tools`, where it is missing, and
/// answers the path of its program. `options` are further ones of `cargo install`.
///
/// # Errors
///
/// It could not be installed.
pub(crate) fn cargo_tool(name: &str, version: &str, options: &[&str]) -> Result<PathBuf> {
    let root = workspace::target().join("tools");
    run(cargo("install")
        .args(["--quiet", "--locked", "--root"])
        .arg(&root)
        .args(["--version", version, name])
        .args(options))
    .with_context(|| format!("cannot install {name} {version} from crates.io"))?;
    Ok(root.join("bin").join(name))
}

/// Makes sure of what Debian packages bring: where `present` says no, installs them if the user is root
/// and there is `apt-get`.
///
/// # Errors
///
/// They could not be installed; the text says what to type.
pub(crate) fn debian_packages(
    needed_for: &str,
    packages: &[&str],
    present: impl Fn() -> bool,
) -> Result<()> {
    if present() {
        return Ok(());
    }
    if is_root()? && succeeds("apt-get", &["--version"]) {
        note(&format!("apt-get install -y {}", packages.join(" ")));
        let _services = NoServices::begin()?;
        let install = || {
            run(command("apt-get")
                .args(["install", "-y", "--no-install-recommends"])
                .args(packages)
                .env("DEBIAN_FRONTEND", "noninteractive"))
        };
        // A fresh machine or container has no package lists yet.
        if install().is_err() {
            run(command("apt-get").arg("update"))?;
            install()?;
        }
    }
    if present() {
        return Ok(());
    }
    bail!(missing(needed_for, packages));
}

fn missing(needed_for: &str, packages: &[&str]) -> String {
    format!(
        "cannot find what is needed for {needed_for}: type `apt-get install {}` as root, or your system's equivalent",
        packages.join(" ")
    )
}

/// While it lives, packages that are installed start no services: Debian's `invoke-rc.d` asks this
/// file. One that is there already is somebody's answer, and stays.
struct NoServices(Option<&'static Path>);

impl NoServices {
    fn begin() -> Result<Self> {
        let policy = Path::new("/usr/sbin/policy-rc.d");
        if policy.exists() {
            return Ok(Self(None));
        }
        let written = fs::write(policy, "#!/bin/sh\nexit 101\n")
            .and_then(|()| fs::set_permissions(policy, Permissions::from_mode(0o755)));
        written.with_context(|| format!("cannot write {}", policy.display()))?;
        Ok(Self(Some(policy)))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = self.0
            && let Err(error) = fs::remove_file(policy)
        {
            note(&format!(
                "remove {}, which keeps services off: {error}",
                policy.display()
            ));
        }
    }
}

fn is_root() -> Result<bool> {
    Ok(output("id", &["-u"])?.as_deref() == Some("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_package_is_an_error_that_says_what_to_type() {
        assert_eq!(
            missing("the probes", &["gadget", "widget"]),
            "cannot find what is needed for the probes: type `apt-get install gadget widget` as root, or your \
             system's equivalent"
        );
    }

    #[test]
    fn what_is_present_is_not_installed() {
        debian_packages("the probes", &["no-such-package"], || true).unwrap();
    }
}
