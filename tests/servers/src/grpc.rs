//! A server with the library that most servers of gRPC use, for answers that etcd never gives.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::installed::root;
use crate::{certificate, installed};

/// Starts `tests/grpc/health.py` without TLS.
pub fn grpc(_: &Path, address: SocketAddr) -> Command {
    // Debian's Python, which has Debian's libraries.
    let mut command = installed("python3-grpcio", "/usr/bin/python3");
    command.arg(root().join("tests/grpc/health.py"));
    command.arg(address.to_string());
    command
}

/// The same with TLS, with a certificate for `grpc.test` and 127.0.0.1.
pub fn grpc_tls(directory: &Path, address: SocketAddr) -> Command {
    certificate(directory, "grpc.test");
    let mut command = grpc(directory, address);
    command.args(["chain.pem", "key.pem"]);
    command
}
