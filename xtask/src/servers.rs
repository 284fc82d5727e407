//! The servers that checks look at in the tests: which Debian packages they come from.

use std::path::Path;

use anyhow::Result;

use crate::install::{Permission, debian_packages};

/// A server, or a tool that looks at one.
struct Server {
    package: &'static str,
    /// Where it may be; one of them has to be there.
    programs: &'static [&'static str],
}

/// All of them.
const SERVERS: &[Server] = &[
    Server {
        package: "postgresql",
        // The first is Debian's, where the server's own has a version in its path.
        programs: &[
            "/usr/bin/pg_createcluster",
            "/usr/bin/postgres",
            "/usr/local/bin/postgres",
        ],
    },
    Server {
        package: "nginx-light",
        programs: &["/usr/sbin/nginx"],
    },
    Server {
        package: "nsd",
        programs: &["/usr/sbin/nsd"],
    },
    Server {
        package: "postfix",
        programs: &["/usr/sbin/postfix"],
    },
    Server {
        package: "prometheus",
        programs: &["/usr/bin/prometheus", "/usr/local/bin/prometheus"],
    },
    Server {
        package: "prometheus-alertmanager",
        programs: &[
            "/usr/bin/prometheus-alertmanager",
            "/usr/local/bin/prometheus-alertmanager",
        ],
    },
    Server {
        package: "prometheus-node-exporter",
        programs: &[
            "/usr/bin/prometheus-node-exporter",
            "/usr/local/bin/prometheus-node-exporter",
        ],
    },
    Server {
        package: "redis-server",
        programs: &["/usr/bin/redis-server", "/usr/local/bin/redis-server"],
    },
    // Sets up the networks that tests have of their own.
    Server {
        package: "iproute2",
        programs: &["/usr/bin/ip", "/usr/sbin/ip", "/sbin/ip", "/bin/ip"],
    },
    // What Postfix looks up passwords with.
    Server {
        package: "libsasl2-modules",
        programs: &[
            "/usr/lib/x86_64-linux-gnu/sasl2/libplain.so",
            "/usr/lib/aarch64-linux-gnu/sasl2/libplain.so",
        ],
    },
    Server {
        package: "sasl2-bin",
        programs: &["/usr/sbin/saslpasswd2"],
    },
];

/// What the benchmarks compare checks with.
const CHECKERS: &[Server] = &[
    Server {
        package: "monitoring-plugins-basic",
        programs: &["/usr/lib/nagios/plugins/check_http"],
    },
    Server {
        package: "prometheus-blackbox-exporter",
        programs: &["/usr/bin/prometheus-blackbox-exporter"],
    },
];

/// What holds the files of `deploy/` to what they are for.
const DEPLOYERS: &[Server] = &[
    Server {
        package: "bubblewrap",
        programs: &["/usr/bin/bwrap"],
    },
    Server {
        package: "docker-compose",
        programs: &["/usr/bin/docker-compose", "/usr/local/bin/docker-compose"],
    },
    Server {
        package: "strace",
        programs: &["/usr/bin/strace"],
    },
    Server {
        package: "systemd",
        programs: &["/usr/bin/systemd-analyze"],
    },
];

/// Installs those servers that are missing.
///
/// # Errors
///
/// They could not be installed; the text says what to type.
pub(crate) fn install(permission: Permission) -> Result<()> {
    let needed_for = "tests and benchmarks of plugins and metrics, which look at real servers";
    install_all(SERVERS, needed_for, permission)
}

/// Installs what the files of `deploy/` are held to, where it is missing.
///
/// # Errors
///
/// It could not be installed; the text says what to type.
pub(crate) fn install_deployers(permission: Permission) -> Result<()> {
    install_all(DEPLOYERS, "the tests of what deploy/ has", permission)
}

/// Installs what the benchmarks compare checks with, where it is missing.
///
/// # Errors
///
/// It could not be installed; the text says what to type.
pub(crate) fn install_checkers(permission: Permission) -> Result<()> {
    install_all(CHECKERS, "rows of the benchmark `plugins`", permission)
}

fn install_all(all: &[Server], needed_for: &str, permission: Permission) -> Result<()> {
    let missing = || all.iter().filter(|server| !server.is_there());
    let packages: Vec<_> = missing().map(|server| server.package).collect();
    debian_packages(needed_for, &packages, permission, || {
        missing().next().is_none()
    })
}

impl Server {
    fn is_there(&self) -> bool {
        self.programs
            .iter()
            .any(|program| Path::new(program).exists())
    }
}
