//! Sends datagrams to an address that its configuration grants, and to others that it does not.

#![cfg(target_family = "wasm")]

use std::io::ErrorKind;
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::time::Instant;

use vitals_sdk::prelude::*;

/// Where to send.
#[derive(Config)]
struct Settings {
    /// Granted by this setting; it receives `ping` and must respond.
    #[config(grant = "udp")]
    address: Address,
    /// Not granted by this setting.
    #[config(default)]
    others: Vec<Address>,
    /// Whether to connect the socket to the address first.
    #[config(default)]
    connected: bool,
    /// A name to query at the address, which is a DNS server.
    name: Option<String>,
    /// A port to receive on, which is never granted.
    #[config(default)]
    bind: Option<u16>,
    /// The timeout of a response.
    #[config(default = "500ms")]
    timeout: Duration,
}

/// Sends and receives. The results are in the details.
#[health_check(code = "udp")]
fn check(settings: Settings) -> Result<Outcome> {
    let peer = address(&settings.address)?;
    let socket = UdpSocket::bind("0.0.0.0:0").context("bind")?;
    socket.set_nonblocking(true).context("nonblocking")?;
    if settings.connected {
        socket.connect(peer).context("connect")?;
    }
    let question = match &settings.name {
        None => b"ping".to_vec(),
        Some(name) => query(name),
    };
    send(&socket, &question, peer, settings.connected).context("send")?;
    let answer = receive(&socket, settings.timeout).context("receive")?;
    let answer = match &settings.name {
        None => String::from_utf8_lossy(&answer).into_owned(),
        Some(_) => resolved(&question, &answer)?,
    };
    let others: Vec<String> = settings
        .others
        .iter()
        .map(|other| match address(other) {
            Err(error) => format!("{error:#}"),
            Ok(other) => match UdpSocket::bind("0.0.0.0:0").and_then(|s| s.send_to(b"ping", other))
            {
                Ok(_) => "sent".to_owned(),
                Err(error) => error.kind().to_string(),
            },
        })
        .collect();
    let bound = settings
        .bind
        .map(|port| match UdpSocket::bind(("0.0.0.0", port)) {
            Ok(_) => "bound".to_owned(),
            Err(error) => error.kind().to_string(),
        });
    Ok(Outcome::healthy("answered")
        .detail("answer", answer)
        .detail("others", json!(others))
        .detail("bound", json!(bound)))
}

fn address(address: &Address) -> Result<SocketAddr> {
    let mut found = address.to_string().to_socket_addrs().context("look-up")?;
    let v4 = found.find(SocketAddr::is_ipv4);
    v4.context("it has no IPv4 address")
}

fn send(
    socket: &UdpSocket,
    bytes: &[u8],
    to: SocketAddr,
    connected: bool,
) -> std::io::Result<usize> {
    if connected {
        socket.send(bytes)
    } else {
        socket.send_to(bytes, to)
    }
}

/// Receives the next datagram, within `timeout`.
fn receive(socket: &UdpSocket, timeout: Duration) -> std::io::Result<Vec<u8>> {
    let started = Instant::now();
    let mut bytes = [0; 512];
    loop {
        match socket.recv(&mut bytes) {
            Ok(length) => return Ok(bytes[..length].to_vec()),
            Err(error) if error.kind() == ErrorKind::WouldBlock && started.elapsed() < timeout => {
                wasip2::clocks::monotonic_clock::subscribe_duration(2_000_000).block();
            }
            Err(error) => return Err(error),
        }
    }
}

/// Makes a query for the addresses of a name (RFC 1035, section 4.1).
fn query(name: &str) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap_or(0));
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(&[0, 0, 1, 0, 1]);
    bytes
}

/// Returns the address at the end of a response to `question`.
fn resolved(question: &[u8], answer: &[u8]) -> Result<String> {
    if !answer.starts_with(&question[..2]) {
        return Err(Error::new("the response is to another query"));
    }
    match answer {
        [.., a, b, c, d] => Ok(format!("{a}.{b}.{c}.{d}")),
        _ => Err(Error::new("the response is too short")),
    }
}
