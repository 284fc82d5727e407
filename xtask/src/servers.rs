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
        package: "prometheus",
        programs: &["/usr/bin/prometheus", "/usr/local/bin/prometheus"],
    },
    Server {
        package: "redis-server",
        programs: &["/usr/bin/redis-server", "/usr/local/bin/redis-server"],
    },
];

/// Installs those that are missing.
///
/// # Errors
///
/// They could not be installed; the text says what to type.
pub(crate) fn install(permission: Permission) -> Result<()> {
    let missing = || SERVERS.iter().filter(|server| !server.is_there());
    let packages: Vec<_> = missing().map(|server| server.package).collect();
    let needed_for = "the tests of plugins and metrics, which look at real servers";
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
