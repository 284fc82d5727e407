//! A WebSocket server in Python.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::installed;
use crate::installed::root;

/// Starts it. What it does depends on the path, see `tests/websocket/server.py`.
pub fn websocket(_: &Path, address: SocketAddr) -> Command {
    // The packages of Debian are those of this interpreter.
    let mut command = installed("python3-websockets", "/usr/bin/python3");
    command
        .arg(root().join("tests/websocket/server.py"))
        .args([address.ip().to_string(), address.port().to_string()]);
    command
}
