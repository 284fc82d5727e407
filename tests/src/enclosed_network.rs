//! A network of a process's own: namespaces in which only the addresses and names of a test are there.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use vitals_servers::check_need;

use crate::place::Place;

/// What is set up before a process starts in it. Loopback is there from the first.
#[derive(Clone, Debug, Default)]
pub struct EnclosedNetwork {
    commands: String,
    hosts: String,
    /// Whether names alone are its own.
    is_shared: bool,
}

impl EnclosedNetwork {
    /// One with loopback and `localhost` alone.
    #[must_use]
    pub fn new() -> Self {
        Self {
            commands: "ip link set lo up\n".to_owned(),
            hosts: "127.0.0.1 localhost\n".to_owned(),
            is_shared: false,
        }
    }

    /// That of the machine, with names of its own.
    #[must_use]
    pub fn shared() -> Self {
        Self {
            is_shared: true,
            commands: String::new(),
            ..Self::new()
        }
    }

    /// Gives the machine an address of its own, written with the length of its network.
    #[must_use]
    pub fn address(self, address: &str) -> Self {
        self.command(&format!("ip address add {address} dev lo"))
    }

    /// Routes a network to the machine as a whole.
    #[must_use]
    pub fn local_route(self, network: &str) -> Self {
        let family = if network.contains(':') { "-6" } else { "-4" };
        self.command(&format!("ip {family} route add local {network} dev lo"))
    }

    /// Lets a name lead to an address.
    #[must_use]
    pub fn name(mut self, name: &str, address: &str) -> Self {
        // Also as a name that no search domain is added to.
        writeln!(self.hosts, "{address} {name} {name}.").expect("memory takes it");
        self
    }

    fn command(mut self, command: &str) -> Self {
        writeln!(self.commands, "{command}").expect("memory takes it");
        self
    }

    /// The program in it, as a command that takes its arguments.
    pub(crate) fn enclose(&self, program: &Path, place: &Place) -> Command {
        if !self.is_shared {
            check_need("iproute2");
        }
        let hosts = place.write("hosts", &self.hosts);
        let script = format!(
            "set -e\n{}mount --bind \"$1\" /etc/hosts\nshift\nexec \"$@\"\n",
            self.commands
        );
        let script = place.write("enclose", script);
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--mount"])
            .args((!self.is_shared).then_some("--net"))
            .arg("sh")
            .arg(script)
            .arg(hosts)
            .arg(program);
        command
    }
}
