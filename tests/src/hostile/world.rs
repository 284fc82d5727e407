//! What hostile guests reach for: servers that misbehave, and files that are no files.

mod chains;
mod servers;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use self::servers::Server;
use crate::enclosed_network::EnclosedNetwork;

/// Servers and files, each with the name that the settings of a case have for it.
pub(super) struct World {
    places: BTreeMap<&'static str, String>,
    _servers: Vec<Server>,
    _udp: UdpSocket,
    _files: TempDir,
}

/// A name of an address of this machine that is not loopback.
pub(super) const OWN_NAME: &str = "own.test";

impl World {
    /// Starts every server and makes every file.
    pub(super) fn new() -> Self {
        let localhost = Ipv4Addr::LOCALHOST;
        let mut servers = Vec::new();
        let mut places = BTreeMap::new();
        let mut start = |name, at, behaviour| {
            let server = Server::start(at, behaviour);
            places.insert(name, server.address().to_string());
            servers.push(server);
        };
        for (name, behaviour) in servers::behaviours() {
            start(name, localhost.into(), behaviour);
        }
        start("own", own_address(), servers::ok());
        let udp = UdpSocket::bind((localhost, 0)).expect("a free port");
        places.insert("udp", udp.local_addr().expect("it is bound").to_string());
        // Nobody listens on a port that was bound and released.
        let free = TcpListener::bind((localhost, 0)).and_then(|it| it.local_addr());
        places.insert("nobody", free.expect("a free port").to_string());
        places.insert("loopback-name", loopback_name());
        let files = TempDir::with_prefix("vitals-hostile-").expect("a directory");
        lay_out(files.path()).expect("the files can be made");
        places.insert("files", files.path().display().to_string());
        places.insert("root", files.path().join("root.pem").display().to_string());
        Self {
            places,
            _servers: servers,
            _udp: udp,
            _files: files,
        }
    }

    /// The network of a host in which [`OWN_NAME`] leads to the server `own`.
    pub(super) fn network(&self) -> EnclosedNetwork {
        let own = self.places["own"].rsplit_once(':').expect("it has a port");
        EnclosedNetwork::shared().name(OWN_NAME, own.0)
    }

    /// A text with the addresses in it: `{silent}`, or the port alone, `{silent:port}`.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, place) in &self.places {
            text = text.replace(&format!("{{{name}}}"), place);
            if let Some((_, port)) = place.rsplit_once(':') {
                text = text.replace(&format!("{{{name}:port}}"), port);
            }
        }
        text
    }
}

/// A name other than `localhost` that leads to this machine; its own often does.
///
/// # Panics
///
/// Panics if `/etc/hosts` has none.
fn loopback_name() -> String {
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut names = hosts.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address: IpAddr = words.next()?.parse().ok()?;
        let name = words.find(|name| !name.starts_with("localhost"))?;
        address.is_loopback().then(|| name.to_owned())
    });
    let name = names.next();
    name.expect("no name in /etc/hosts leads to 127.0.0.1: write `127.0.0.1 myself` into it")
}

/// An address of this machine that is not loopback.
///
/// # Panics
///
/// Panics if there is none.
fn own_address() -> IpAddr {
    let local = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        // Where packets to somewhere else would come from; none is sent.
        socket.connect((Ipv4Addr::new(198, 51, 100, 1), 9))?;
        socket.local_addr()
    });
    local
        .expect("this machine has a way out: give it an address and a default route")
        .ip()
}

/// Makes what the guests find where files are granted, and beside it.
fn lay_out(directory: &Path) -> io::Result<()> {
    let granted = directory.join("granted");
    fs::create_dir_all(granted.join("crowded"))?;
    for number in 0..12_000 {
        File::create(granted.join(format!("crowded/{number}")))?;
    }
    fs::write(granted.join("open"), "for you")?;
    fs::write(directory.join("secret"), "not for you")?;
    fs::write(directory.join("root.pem"), chains::ROOT.pem())?;
    symlink("../secret", granted.join("out"))?;
    symlink("..", granted.join("up"))?;
    symlink("circle", granted.join("circle"))?;
    symlink("granted/open", directory.join("inward"))?;
    File::create(granted.join("vast"))?.set_len(64 << 30)?;
    fifo(&granted.join("pipe"));
    Ok(())
}

/// Makes a named pipe, which blocks whoever opens it.
pub(super) fn fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe can be made");
}
