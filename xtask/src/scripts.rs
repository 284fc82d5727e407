//! Builds the guests of the tests in Python and JavaScript, with the tools that authors use. Unlike guests
//! in Rust, they import all of WASI, whether they use it or not.
//!
//! The tools go into `target/tools`. A guest is built again only if its inputs have changed.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{command, output, run, succeeds};
use crate::guests::test_guests_dir;
use crate::install::debian_packages;
use crate::step::note;
use crate::workspace;

/// A guest in a scripting language.
pub(crate) struct ScriptGuest {
    /// The name of the built file, without `.wasm`.
    pub(crate) name: &'static str,
    /// The language, for messages.
    pub(crate) language: &'static str,
    /// The inputs, relative to the root of the repository. The last ones pin the tool.
    inputs: &'static [&'static str],
    /// Installs the tool and returns the command that builds the guest, without the option for its
    /// output.
    tool: fn() -> Result<Command>,
}

/// All script guests. One JavaScript source is built for two engines: `QuickJS`, a small one, and
/// `StarlingMonkey`, a browser's.
pub(crate) const GUESTS: [ScriptGuest; 3] = [
    ScriptGuest {
        name: "python-expiry",
        language: "Python",
        inputs: &[
            "wit/health.wit",
            "tests/script-guests/python/app.py",
            "tests/script-guests/python/requirements.txt",
        ],
        tool: componentize_py,
    },
    ScriptGuest {
        name: "js-quota",
        language: "JavaScript, with QuickJS",
        inputs: &[
            "wit/health.wit",
            "tests/script-guests/js/check.js",
            "tests/script-guests/js/package.json",
            "tests/script-guests/js/package-lock.json",
        ],
        tool: jco,
    },
    ScriptGuest {
        name: "js-quota-starlingmonkey",
        language: "JavaScript, with StarlingMonkey",
        inputs: &[
            "wit/health.wit",
            "tests/script-guests/js/check.js",
            "tests/script-guests/js/package.json",
            "tests/script-guests/js/package-lock.json",
        ],
        tool: componentize_js,
    },
];

impl ScriptGuest {
    /// Builds the guest into the directory of the guests of the tests, unless it exists and was built
    /// from the same inputs.
    ///
    /// # Errors
    ///
    /// The language or its tool cannot be installed, or the tool fails.
    pub(crate) fn build(&self) -> Result<()> {
        let file = test_guests_dir().join(format!("{}.wasm", self.name));
        let state = fingerprint(workspace::root(), self.inputs)?;
        let stamp = tools_dir().join(format!("{}.inputs", self.name));
        if file.exists() && fs::read_to_string(&stamp).is_ok_and(|built_from| built_from == state) {
            return Ok(());
        }
        let built = tools_dir().join(format!("{}.wasm", self.name));
        run((self.tool)()?.arg("-o").arg(&built))?;
        workspace::copy_if_changed(&built, &file)?;
        workspace::write_if_changed(&stamp, state.as_bytes())
    }
}

/// The build command for Python, with componentize-py in its own virtual environment.
fn componentize_py() -> Result<Command> {
    let environment = virtual_environment("venv", "tests/script-guests/python/requirements.txt")?;

    // Build a copy, because the tool writes compiled files beside the source.
    let source = workspace::root().join("tests/script-guests/python/app.py");
    let app = tools_dir().join("python-app");
    workspace::copy_if_changed(&source, &app.join("app.py"))?;
    let mut build = command(environment.join("bin/componentize-py"));
    build
        .args(["--quiet", "-d", "wit", "-w", "plugin"])
        .args(["componentize", "app", "-p"])
        .arg(app);
    Ok(build)
}

/// The build command for JavaScript with the `QuickJS` backend of jco.
fn jco() -> Result<Command> {
    let mut build = command(npm_programs("js")?.join("jco"));
    build.arg("componentize");
    add_javascript_args(&mut build);
    build
        .args(["--backend", "qjs"])
        // By default jco makes a component with async functions, which WASI 0.2 lacks.
        .arg("--backend-qjs-disable-async");
    Ok(build)
}

/// The build command for JavaScript with `StarlingMonkey`: a program that is part of `jco`, which
/// cannot run it itself (`jco` 1.35.0 does not find the WIT files).
fn componentize_js() -> Result<Command> {
    let mut build = command(npm_programs("js")?.join("componentize-js"));
    add_javascript_args(&mut build);
    // As in the template of `vitals new`. Without `clocks`, the time is that of the build.
    build.args(["--disable", "fetch-event"]);
    Ok(build)
}

/// Adds the arguments of both JavaScript tools. Paths are absolute, because the tools resolve relative ones
/// from another directory.
fn add_javascript_args(build: &mut Command) {
    let root = workspace::root();
    build
        .arg(root.join("tests/script-guests/js/check.js"))
        .arg("--wit")
        .arg(root.join("wit"))
        .args(["--world-name", "plugin"]);
}

/// Installs the packages that a directory of `tests/script-guests` pins. Returns the directory of their
/// programs.
fn npm_programs(name: &str) -> Result<PathBuf> {
    let directory = node_packages(name, &format!("tests/script-guests/{name}"))?;
    Ok(directory.join("node_modules/.bin"))
}

/// Installs the Python packages that a file of the repository pins into a virtual environment in
/// `target/tools`. Returns its directory.
///
/// # Errors
///
/// Python or the packages cannot be installed.
pub(crate) fn virtual_environment(name: &str, requirements: &str) -> Result<PathBuf> {
    let environment = tools_dir().join(name);
    let requirements = workspace::root().join(requirements);
    install_once(&environment, std::slice::from_ref(&requirements), || {
        debian_packages(
            &format!("{name} (python3 with venv)"),
            &["python3-venv"],
            || succeeds("python3", &["-c", "import venv, ensurepip"]),
        )?;
        run(command("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment))?;
        run(command(environment.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&requirements))
    })?;
    Ok(environment)
}

/// Installs the npm packages that a directory of the repository pins into a directory in `target/tools`.
/// Returns that directory.
///
/// # Errors
///
/// npm or the packages cannot be installed.
pub(crate) fn node_packages(name: &str, source: &str) -> Result<PathBuf> {
    let directory = tools_dir().join(name);
    let source = workspace::root().join(source);
    let pins = ["package.json", "package-lock.json"].map(|name| source.join(name));
    install_once(&directory, &pins, || {
        debian_packages(
            &format!("{name} (npm with Node.js 18 or newer)"),
            &["npm"],
            || succeeds("npm", &["--version"]) && node_major().is_some_and(|major| major >= 18),
        )?;
        for pin in &pins {
            workspace::copy_if_changed(
                pin,
                &directory.join(pin.file_name().unwrap_or(OsStr::new("package.json"))),
            )?;
        }
        // `npm ci` rejects a lock file without the optional packages of other platforms.
        run(command("npm").current_dir(&directory).args([
            "install",
            "--no-audit",
            "--no-fund",
            "--loglevel",
            "error",
        ]))
    })?;
    Ok(directory)
}

/// Runs `install` unless it has succeeded with the same pins before.
fn install_once(
    directory: &Path,
    pins: &[PathBuf],
    install: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let state = fingerprint(Path::new(""), pins)?;
    let stamp = directory.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == state) {
        return Ok(());
    }
    note(&format!("installing the tool into {}", directory.display()));
    install()?;
    workspace::write_if_changed(&stamp, state.as_bytes())
}

/// The names and contents of files as one text. It changes if a file changes.
fn fingerprint(root: &Path, files: &[impl AsRef<Path>]) -> Result<String> {
    let mut all = String::new();
    for file in files {
        let path = root.join(file);
        let content =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        writeln!(all, "== {name}, {} bytes\n{content}", content.len())?;
    }
    Ok(all)
}

/// The major version of Node.js, if it is installed.
fn node_major() -> Option<u32> {
    let version = output("node", &["--version"]).ok()??;
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn tools_dir() -> PathBuf {
    workspace::target().join("tools")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn an_installation_is_repeated_only_when_its_pins_change_or_it_failed() {
        let directory = tempfile::tempdir().unwrap();
        let pin = directory.path().join("pins.txt");
        let runs = Cell::new(0);
        let install = |result: Result<()>| {
            install_once(
                &directory.path().join("tool"),
                std::slice::from_ref(&pin),
                || {
                    runs.set(runs.get() + 1);
                    result
                },
            )
        };

        fs::write(&pin, "tool 1").unwrap();
        assert!(install(Err(anyhow::anyhow!("no network"))).is_err());
        install(Ok(())).unwrap();
        install(Ok(())).unwrap();
        assert_eq!(runs.get(), 2);

        fs::write(&pin, "tool 2").unwrap();
        install(Ok(())).unwrap();
        assert_eq!(runs.get(), 3);
    }

    #[test]
    fn the_pins_name_no_place_to_fetch_from() {
        for of in ["script-guests/js", "deploy", "grafana"] {
            let lock = workspace::root().join(format!("tests/{of}/package-lock.json"));
            let lock = fs::read_to_string(lock).unwrap();
            assert!(!lock.contains("\"resolved\": \"http"), "{of}");
        }
    }
}
