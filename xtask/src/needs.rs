//! Installs what some tests need besides Rust and a C compiler: servers, validators, guests in other
//! languages.
//!
//! `tests/needs.txt` says which test needs what; this file says how to install it. Servers are Debian
//! packages. Tools in Python and Node.js go into `target/tools`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::install::debian_packages;
use crate::scripts::{self, node_packages, virtual_environment};
use crate::step::note;
use crate::workspace;

/// The lines of `tests/needs.txt`: a test or a module of tests, and its needs.
pub(crate) struct Needs(Vec<(String, BTreeSet<String>)>);

impl Needs {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or names an unknown need.
    pub(crate) fn read() -> Result<Self> {
        let path = workspace::root().join("tests/needs.txt");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("cannot use {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let is_rule = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let rule = |line: &str| {
            let Some((tests, needs)) = line.split_once(": ") else {
                bail!("the line `{line}` is not `TESTS: NEED NEED`");
            };
            let needs: BTreeSet<_> = needs.split_whitespace().map(str::to_owned).collect();
            match needs.iter().find(|need| !is_known(need)) {
                Some(need) => bail!("`{tests}` needs `{need}`, which xtask/src/needs.rs lacks"),
                None => Ok((tests.to_owned(), needs)),
            }
        };
        text.lines()
            .filter(is_rule)
            .map(rule)
            .collect::<Result<_>>()
            .map(Self)
    }

    /// The needs of a test, by its full name.
    pub(crate) fn of(&self, test: &str) -> BTreeSet<&str> {
        let rules = self.0.iter().filter(|(tests, _)| covers(tests, test));
        rules
            .flat_map(|(_, needs)| needs)
            .map(String::as_str)
            .collect()
    }

    /// A line that matches none of `all` tests.
    pub(crate) fn stale(&self, all: &[String]) -> Option<&str> {
        let is_stale = |tests: &str| !all.iter().any(|test| covers(tests, test));
        self.0
            .iter()
            .map(|(tests, _)| tests.as_str())
            .find(|tests| is_stale(tests))
    }
}

/// Whether a line for `tests` covers this test: it names the test or one of its parent modules.
fn covers(tests: &str, test: &str) -> bool {
    test.strip_prefix(tests)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Installs and builds the needs that are not met yet.
///
/// # Errors
///
/// A need cannot be met. The text says which command to run.
pub(crate) fn meet(needs: &BTreeSet<&str>) -> Result<()> {
    let missing = || {
        let missing = PACKAGES
            .iter()
            .filter(|(_, files)| !files.iter().any(|file| Path::new(file).exists()));
        missing
            .map(|(package, _)| *package)
            .filter(|package| needs.contains(package))
    };
    debian_packages("these tests", &missing().collect::<Vec<_>>(), || {
        missing().next().is_none()
    })?;
    for (name, install) in TOOLS.iter().filter(|(name, _)| needs.contains(name)) {
        note(name);
        install()?;
    }
    for guest in scripts::GUESTS
        .iter()
        .filter(|guest| needs.contains(guest.name))
    {
        note(&format!("a guest in {}", guest.language));
        guest.build()?;
    }
    Ok(())
}

fn is_known(need: &str) -> bool {
    need == TIME
        || PACKAGES.iter().any(|(package, _)| *package == need)
        || TOOLS.iter().any(|(tool, _)| *tool == need)
        || scripts::GUESTS.iter().any(|guest| guest.name == need)
}

/// Debian packages, each with the possible paths of its program. One of these must exist.
const PACKAGES: &[(&str, &[&str])] = &[
    ("bubblewrap", &["/usr/bin/bwrap"]),
    (
        "docker-compose",
        &["/usr/bin/docker-compose", "/usr/local/bin/docker-compose"],
    ),
    ("etcd-server", &["/usr/bin/etcd", "/usr/local/bin/etcd"]),
    // Tests set up their own networks with it.
    (
        "iproute2",
        &["/usr/bin/ip", "/usr/sbin/ip", "/sbin/ip", "/bin/ip"],
    ),
    // Postfix checks passwords with it.
    (
        "libsasl2-modules",
        &[
            "/usr/lib/x86_64-linux-gnu/sasl2/libplain.so",
            "/usr/lib/aarch64-linux-gnu/sasl2/libplain.so",
        ],
    ),
    (
        "monitoring-plugins-basic",
        &["/usr/lib/nagios/plugins/check_http"],
    ),
    ("nginx-light", &["/usr/sbin/nginx"]),
    ("nsd", &["/usr/sbin/nsd"]),
    ("openssl", &["/usr/bin/openssl", "/usr/local/bin/openssl"]),
    ("postfix", &["/usr/sbin/postfix"]),
    // Debian's wrapper, because the path of its server contains a version.
    (
        "postgresql",
        &[
            "/usr/bin/pg_createcluster",
            "/usr/bin/postgres",
            "/usr/local/bin/postgres",
        ],
    ),
    (
        "prometheus",
        &["/usr/bin/prometheus", "/usr/local/bin/prometheus"],
    ),
    (
        "prometheus-alertmanager",
        &[
            "/usr/bin/prometheus-alertmanager",
            "/usr/local/bin/prometheus-alertmanager",
        ],
    ),
    (
        "prometheus-blackbox-exporter",
        &["/usr/bin/prometheus-blackbox-exporter"],
    ),
    (
        "prometheus-node-exporter",
        &[
            "/usr/bin/prometheus-node-exporter",
            "/usr/local/bin/prometheus-node-exporter",
        ],
    ),
    // Debian's, because the tests run Debian's Python.
    (
        "python3-grpcio",
        &["/usr/lib/python3/dist-packages/grpc/__init__.py"],
    ),
    (
        "python3-websockets",
        &["/usr/lib/python3/dist-packages/websockets"],
    ),
    (
        "redis-server",
        &["/usr/bin/redis-server", "/usr/local/bin/redis-server"],
    ),
    ("sasl2-bin", &["/usr/sbin/saslpasswd2"]),
    ("strace", &["/usr/bin/strace"]),
    ("systemd", &["/usr/bin/systemd-analyze"]),
];

/// The need of a slow test. Nothing installs it; `--quick` leaves these tests out.
const TIME: &str = "time";

type Install = fn() -> Result<()>;

/// Tools, each installed into `target/tools/<name>`.
const TOOLS: &[(&str, Install)] = &[
    ("bugsink", || {
        virtual_environment("bugsink", "tests/bugsink/requirements.txt").map(drop)
    }),
    ("celery", || {
        virtual_environment("celery", "tests/celery/requirements.txt").map(drop)
    }),
    ("grafana", || {
        node_packages("grafana", "tests/grafana").map(drop)
    }),
    ("kubernetes", || {
        virtual_environment("kubernetes", "tests/deploy/requirements.txt").map(drop)
    }),
    ("kustomize", || {
        node_packages("kustomize", "tests/deploy").map(drop)
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_covers_a_test_or_a_module() {
        let needs =
            Needs::parse("# a remark\n\na: nsd\na::b: strace systemd\na::c::one: nsd strace\n")
                .unwrap();
        for (test, expected) in [
            ("a::x", &["nsd"][..]),
            ("a::b::x", &["nsd", "strace", "systemd"]),
            ("a::c::one", &["nsd", "strace"]),
            ("a::c::one_more", &["nsd"]),
            ("ab::x", &[]),
        ] {
            assert_eq!(needs.of(test), expected.iter().copied().collect(), "{test}");
        }
        let all = ["a::b::x", "a::c::one_more"].map(str::to_owned);
        assert_eq!(needs.stale(&all), Some("a::c::one"));
    }

    #[test]
    fn every_line_is_valid_and_every_need_is_known() {
        Needs::read().unwrap();
        for (text, said) in [
            ("a b", "is not `TESTS: NEED NEED`"),
            ("a: gadget", "`a` needs `gadget`"),
        ] {
            let error = Needs::parse(text).err().unwrap().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
