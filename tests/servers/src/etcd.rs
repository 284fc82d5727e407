//! etcd, which offers the health service of gRPC on the port of its clients.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::{free_address, installed};

/// Starts it as the only member of a cluster, without TLS.
pub fn etcd(directory: &Path, address: SocketAddr) -> Command {
    let clients = format!("http://{address}");
    let peers = format!("http://{}", free_address());
    let mut command = installed("etcd-server", "etcd");
    command.arg("--data-dir").arg(directory.join("data"));
    command.args(["--listen-client-urls", &clients]);
    command.args(["--advertise-client-urls", &clients]);
    command.args(["--listen-peer-urls", &peers]);
    command.args(["--initial-advertise-peer-urls", &peers]);
    command.args(["--initial-cluster", &format!("default={peers}")]);
    command
}
