//! `deploy/systemd`: systemd accepts the unit, which exposes little and leaves the host what it needs.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use vitals_host::config::{Config, VARIABLES};
use vitals_tests::servers::installed;
use vitals_tests::{Vitals, binary};

use super::{Tree, run};

const UNIT: &str = "systemd/vitals.service";
const DROP_IN: &str = "systemd/vitals.service.d/before-253.conf";

/// What `systemd-analyze verify` prints about the unit, with the path of the binary of the tests.
fn complaints(tree: &Tree) -> Vec<String> {
    let unit = tree.path(UNIT);
    let text = tree.read(UNIT);
    let binary = binary();
    let program = binary.to_str().expect("a text");
    fs::write(&unit, text.replace("/usr/bin/vitals", program)).expect("a copy can be written");
    let mut command = installed("systemd", "systemd-analyze");
    command.args(["verify", "--man=no"]).arg(&unit);
    let said = run(&mut command, "");
    let mut lines: Vec<_> = said.stderr.lines().map(str::to_owned).collect();
    if said.status != Some(0) && lines.is_empty() {
        lines.push(format!("exit status {:?}", said.status));
    }
    lines
}

/// The installed version of systemd.
fn version() -> u32 {
    let said = run(installed("systemd", "systemd-analyze").arg("--version"), "").stdout;
    let version = said.split_whitespace().nth(1);
    version
        .and_then(|version| version.parse().ok())
        .expect("a number")
}

/// The value of a key that occurs once.
fn value(text: &str, key: &str) -> String {
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {key}")).to_owned()
}

#[test]
fn systemd_accepts_the_unit() {
    // A version that is too old for the type verifies the rest, with the drop-in that is for it.
    let tree = if version() >= 253 {
        Tree::new()
    } else {
        let unknown = complaints(&Tree::new());
        assert!(!unknown.is_empty());
        for line in unknown {
            let known = line.ends_with("Failed to parse service type, ignoring: notify-reload");
            assert!(known, "{line}");
        }
        let own = Tree::new().read(DROP_IN);
        let (_, service) = own.split_once("[Service]\n").expect("a section");
        Tree::changed(UNIT, "Type=notify-reload\n", service)
    };
    // Otherwise the drop-in is verified too.
    fs::remove_file(tree.path(DROP_IN)).expect("it is there");
    let none: [&str; 0] = [];
    assert_eq!(complaints(&tree), none);
    let mistake = Tree::changed(UNIT, "ProtectSystem=strict", "ProtectSystems=strict");
    let found = complaints(&mistake).join("\n");
    assert!(found.contains("'ProtectSystems'"), "{found}");
}

/// Whether the unit exposes less than the threshold: 1.2 of 10 by systemd 252, which gives 9.6 to a bare
/// service. Other versions count a little differently.
fn is_confined(tree: &Tree) -> Result<(), String> {
    let mut command = installed("systemd", "systemd-analyze");
    command
        .args(["security", "--offline=true", "--no-pager", "--threshold=15"])
        .arg(tree.path(UNIT));
    let said = run(&mut command, "");
    if said.status == Some(0) {
        Ok(())
    } else {
        Err(said.stdout)
    }
}

#[test]
fn the_unit_exposes_little() {
    is_confined(&Tree::new()).unwrap_or_else(|error| panic!("{error}"));
    for taken_out in [
        "CapabilityBoundingSet=\n",
        "SystemCallFilter=@system-service\n",
        "RestrictNamespaces=yes\n",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX\n",
        "DynamicUser=yes\n",
    ] {
        let weaker = is_confined(&Tree::changed(UNIT, taken_out, ""));
        assert!(weaker.is_err(), "without {taken_out}");
    }
}

#[test]
fn the_unit_agrees_with_the_host() {
    let text = Tree::new().read(UNIT);
    let unquoted = |key| value(&text, key);
    let grace = Config::default().server.shutdown_grace;
    let stop = unquoted("TimeoutStopSec");
    let stop = stop
        .strip_suffix('s')
        .and_then(|stop| stop.parse().ok())
        .expect("seconds");
    assert!(Duration::from_secs(stop) >= 2 * grace + Duration::from_secs(5));
    // The exit status for a wrong configuration.
    let rejected = Vitals::new(["serve"]).config("[servers]").exits(2);
    assert_eq!(unquoted("RestartPreventExitStatus"), "2", "{rejected}");
    let lines = text.lines();
    for line in lines.filter_map(|line| line.strip_prefix("Environment=")) {
        let (name, path) = line.split_once('=').expect("a name and a value");
        let known = VARIABLES.iter().any(|variable| variable.name == name);
        assert!(known || name == "XDG_CACHE_HOME", "{name}");
        let path = path.replace("%E", "/etc").replace("%C", "/var/cache");
        assert!(Path::new(&path).is_absolute(), "{line}");
    }
    assert_eq!(unquoted("Type"), "notify-reload");
    assert_eq!(unquoted("NotifyAccess"), "main");
    let without_code = text.lines().filter(|line| !line.starts_with('#'));
    let mut set = without_code.filter(|line| line.contains("MemoryDenyWriteExecute"));
    assert_eq!(set.next(), None, "no plugin would load");
}

#[test]
fn only_root_and_the_group_of_the_service_can_read_the_configuration() {
    let tree = Tree::new();
    let root = tempfile::tempdir().expect("a directory");
    let own = root.path().join("etc/vitals");
    fs::create_dir_all(&own).expect("it is new");
    for file in ["vitals.toml", "environment"] {
        fs::write(own.join(file), "").expect("it is new");
    }
    let apply = |program: &str, file: &str, more: &[&str]| {
        let mut command = Command::new(program);
        command
            .arg(format!("--root={}", root.path().display()))
            .args(more)
            .arg(tree.path(&format!("systemd/{file}.d/vitals.conf")));
        let said = run(&mut command, "");
        assert_eq!(said.status, Some(0), "{program}: {}", said.stderr);
    };
    apply("systemd-sysusers", "sysusers", &[]);
    apply("systemd-tmpfiles", "tmpfiles", &["--create"]);
    let groups = fs::read_to_string(root.path().join("etc/group")).expect("a group was made");
    let group = groups.lines().find_map(|line| line.strip_prefix("vitals:"));
    let group = group.and_then(|line| line.split(':').nth(1)?.parse().ok());
    for (path, mode) in [("", 0o750), ("vitals.toml", 0o640), ("environment", 0o640)] {
        let found = fs::metadata(own.join(path)).expect("it is there");
        assert_eq!(found.mode() & 0o777, mode, "{path}");
        assert_eq!((found.uid(), Some(found.gid())), (0, group), "{path}");
    }
    let unit = tree.read(UNIT);
    assert_eq!(value(&unit, "ConfigurationDirectoryMode"), "0750");
}
