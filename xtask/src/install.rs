//! Installs prerequisites: the compilation target of the guests, Debian packages, and tools from
//! crates.io.
//!
//! It must not know which task needs them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::command::{cargo, command, output, run, succeeds};
use crate::step::note;
use crate::workspace;

/// The compilation target of all Rust guests.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Adds the compilation target of the guests to the toolchain if it is missing.
///
/// # Errors
///
/// `rustup` is not installed, or cannot add the target.
pub(crate) fn guest_target() -> Result<()> {
    // Ask the compiler: a toolchain can have the target without rustup.
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
            "cannot build the guests: the Rust toolchain in {sysroot} lacks the target {TARGET}, and \
             `rustup`, which could add it, is not installed: install Rust by https://rustup.rs and run \
             `rustup target add {TARGET}`"
        );
    }
    note(&format!("rustup target add {TARGET}"));
    run(command("rustup").args(["target", "add", TARGET]))
}

/// Installs this version of a tool from crates.io into `target/tools` if it is missing. Returns the path
/// of its program. `options` are passed to `cargo install`.
///
/// # Errors
///
/// The installation fails.
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

/// Installs Debian packages unless `present` returns true. This needs root and `apt-get`.
///
/// # Errors
///
/// The packages are missing and cannot be installed. The text says which command to run.
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
        // A new machine or container has no package lists.
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
        "cannot find what is needed for {needed_for}: run `apt-get install {}` as root, or your system's equivalent",
        packages.join(" ")
    )
}

/// Keeps installed packages from starting services, until it is dropped. Debian's `invoke-rc.d` consults
/// the file `policy-rc.d`. An existing file is left as it is.
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
                "remove {}, which keeps services from starting: {error}",
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
    fn a_missing_package_is_an_error_that_says_what_to_run() {
        assert_eq!(
            missing("the probes", &["gadget", "widget"]),
            "cannot find what is needed for the probes: run `apt-get install gadget widget` as root, or your \
             system's equivalent"
        );
    }

    #[test]
    fn what_is_present_is_not_installed() {
        debian_packages("the probes", &["no-such-package"], || true).unwrap();
    }
}
