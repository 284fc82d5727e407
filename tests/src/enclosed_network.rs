//! A network for one process: namespaces with only the addresses and names of a test.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use vitals_servers::check_need;

use crate::place::Place;

/// The network that is set up before a process starts in it. It has loopback.
#[derive(Clone, Debug, Default)]
pub struct EnclosedNetwork {
    commands: String,
    hosts: String,
    /// Whether only the names are its own.
    is_shared: bool,
}

impl EnclosedNetwork {
    /// A network with only loopback and `localhost`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            commands: "ip link set lo up\n".to_owned(),
            hosts: "127.0.0.1 localhost\n".to_owned(),
            is_shared: false,
        }
    }

    /// The network of the machine, with names of its own.
    #[must_use]
    pub fn shared() -> Self {
        Self {
            is_shared: true,
            commands: String::new(),
            ..Self::new()
        }
    }

    /// Adds an address of the machine, with its prefix length.
    #[must_use]
    pub fn address(self, address: &str) -> Self {
        self.command(&format!("ip address add {address} dev lo"))
    }

    /// Routes a whole network to the machine.
    #[must_use]
    pub fn local_route(self, network: &str) -> Self {
        let family = if network.contains(':') { "-6" } else { "-4" };
        self.command(&format!("ip {family} route add local {network} dev lo"))
    }

    /// Adds a name of an address.
    #[must_use]
    pub fn name(mut self, name: &str, address: &str) -> Self {
        // Also with a dot, for names without a search domain.
        writeln!(self.hosts, "{address} {name} {name}.").expect("memory takes it");
        self
    }

    fn command(mut self, command: &str) -> Self {
        writeln!(self.commands, "{command}").expect("memory takes it");
        self
    }

    /// The command that runs a program in it, without the program's arguments.
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
