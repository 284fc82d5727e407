//! `cargo xtask demo`: builds the host and runs it with the checks of `examples/demo`.
//!
//! After the build, the process executes the host in its place, so Ctrl-C, signals and the exit status
//! are the host's own. A companion process waits for the first response and prints what to try.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::{CommandExt as _, parent_id};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, Result};
use clap::Args;

use crate::command::{command, run};
use crate::guests;
use crate::step::{Steps, say};
use crate::tests::native;
use crate::workspace;

/// Build the plugins and the host, and run the checks of `examples/demo`.
#[derive(Args)]
pub(crate) struct Demo {
    /// The address to listen on; overrides `server.listen` of `examples/demo/vitals.toml`.
    #[arg(long, env = "VITALS_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// Wait for the first response of a host and print what to try.
#[derive(Args)]
pub(crate) struct Announce {
    address: SocketAddr,
}

/// The configuration of the demo, relative to the root of the repository.
const CONFIG: &str = "examples/demo/vitals.toml";

/// The guest that the demo drops into the plugins directory.
const DEMO_GUEST: &str = "hello";

impl Demo {
    /// Builds the host, fills `target/demo` and executes the host in place of this process.
    ///
    /// # Errors
    ///
    /// A build or a copy fails, or the host cannot be started.
    pub(crate) fn run(&self) -> Result<()> {
        let mut steps = Steps::new(4);
        let hello = guests::plugins_and_one(&mut steps, DEMO_GUEST)?;
        steps.step("the host (the first time, this takes minutes)", || {
            run(native("build").args(["--bin", "vitals"]))
        })?;
        let plugins = workspace::target().join("demo/plugins");
        workspace::copy_if_changed(&hello, &plugins.join(format!("{DEMO_GUEST}.wasm")))?;

        let address = match self.listen {
            Some(address) => Some(address),
            None => listen_address(
                &fs::read_to_string(workspace::root().join(CONFIG))
                    .with_context(|| format!("cannot read {CONFIG}"))?,
            ),
        };
        steps.begin(&format!("vitals serve --config {CONFIG}"));
        // If another process listens there, the host reports that itself, and nothing is announced.
        if let Some(address) = address.filter(|address| address.port() != 0 && is_free(*address)) {
            let program = env::current_exe().context("cannot find this program's own file")?;
            command(program)
                .args(["announce", &address.to_string()])
                .spawn()
                .context("cannot start the process that waits for the first response")?;
        }
        let host = workspace::target().join("debug/vitals");
        let mut serve = command(&host);
        serve
            .args(["serve", "--config", CONFIG])
            .stdin(Stdio::inherit());
        if let Some(listen) = self.listen {
            serve.env("VITALS_LISTEN", listen.to_string());
        }
        // Returns only on failure.
        Err(serve.exec()).with_context(|| format!("cannot start {}", host.display()))
    }
}

impl Announce {
    /// Waits for the first response of `/health` and prints what to try. Ends when the host, its parent
    /// process, ends.
    ///
    /// # Errors
    ///
    /// None; all tasks return a result.
    #[expect(clippy::unnecessary_wraps, reason = "all tasks return a result")]
    pub(crate) fn run(&self) -> Result<()> {
        let started = Instant::now();
        let host = parent_id();
        while parent_id() == host {
            if responds(self.address) {
                say(&hints(self.address, started.elapsed()));
                return Ok(());
            }
            pause();
        }
        Ok(())
    }
}

/// The address that a configuration listens on, or `None` if it contains a placeholder.
fn listen_address(config: &str) -> Option<SocketAddr> {
    let mut section = "";
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line.split('#').next().unwrap_or_default().trim_end();
        } else if section == "[server]"
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "listen"
        {
            return value
                .trim()
                .strip_prefix('"')?
                .split('"')
                .next()?
                .parse()
                .ok();
        }
    }
    Some(SocketAddr::from(([127, 0, 0, 1], 8000)))
}

fn is_free(address: SocketAddr) -> bool {
    !matches!(TcpListener::bind(address), Err(error) if error.kind() == ErrorKind::AddrInUse)
}

/// Whether `/health` returns an HTTP response.
fn responds(address: SocketAddr) -> bool {
    let Ok(mut connection) =
        TcpStream::connect_timeout(&reachable(address), Duration::from_secs(1))
    else {
        return false;
    };
    let mut start = [0; 5];
    connection
        // The first response waits for the first run of every check.
        .set_read_timeout(Some(Duration::from_secs(90)))
        .and_then(|()| connection.write_all(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n"))
        .and_then(|()| connection.read_exact(&mut start))
        .is_ok_and(|()| &start == b"HTTP/")
}

/// The address by which this machine reaches a server that listens on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            SocketAddr::from(([127, 0, 0, 1], v4.port()))
        }
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], v6.port()))
        }
        address => address,
    }
}

fn hints(address: SocketAddr, after: Duration) -> String {
    let url = format!("http://{}", reachable(address));
    let after = after.as_secs_f64();
    format!(
        "
vitals responds, {after:.1} s after its start. Try these in another terminal:

  curl {url}/health                       the verdict and every check
  curl {url}/health/checks/module:hello   everything known about one check
  curl {url}/plugins                      loaded plugins, and what they may reach
  curl -i {url}/health/ready              the probe of a load balancer

  rm target/demo/plugins/hello.wasm                     removes its check within a second
  echo broken > target/demo/plugins/broken.wasm         a broken plugin: unhealthy, with the reason;
                                                        the other checks continue
  rm target/demo/plugins/broken.wasm                    removes it again
  cp target/plugins/tcp.wasm target/demo/plugins/new.wasm
                                                        a plugin that needs settings: idle;
                                                        /plugins lists the settings
  target/debug/vitals serve --listen 127.0.0.1:8009     starts the service that `neighbour` checks

{CONFIG} explains each check. vitals applies changes to it while it runs.
Press Ctrl-C to stop vitals.
"
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing else runs in this process"
)]
fn pause() {
    thread::sleep(Duration::from_millis(50));
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_address_is_read_from_its_own_section() {
        let config = "[other]\nlisten = \"1.1.1.1:1\"\n[server] # here\n# listen = \"2.2.2.2:2\"\nlisten = \"127.0.0.1:9\" # here\n";
        assert_eq!(listen_address(config), Some(address("127.0.0.1:9")));
        assert_eq!(
            listen_address("[server]\n"),
            Some(address("127.0.0.1:8000"))
        );
        assert_eq!(listen_address("[server]\nlisten = \"${ADDRESS}\"\n"), None);
    }

    #[test]
    fn an_address_of_all_interfaces_is_reached_by_loopback() {
        assert_eq!(reachable(address("0.0.0.0:80")), address("127.0.0.1:80"));
        assert_eq!(reachable(address("[::]:80")), address("[::1]:80"));
        assert_eq!(reachable(address("10.0.0.1:80")), address("10.0.0.1:80"));
    }

    #[test]
    fn only_a_server_that_speaks_http_answers() {
        for (reply, expected) in [
            ("HTTP/1.0 200 OK\r\n\r\n", true),
            ("SSH-2.0-x\r\n", false),
            ("", false),
        ] {
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = server.local_addr().unwrap();
            let serving = thread::spawn(move || {
                let (mut connection, _) = server.accept().unwrap();
                // Reads all of it: unread data would reset the connection.
                let mut lines = BufReader::new(&connection).lines();
                assert_eq!(lines.next().unwrap().unwrap(), "GET /health HTTP/1.0");
                assert!(lines.any(|line| line.unwrap().is_empty()));
                connection.write_all(reply.as_bytes()).unwrap();
            });
            assert_eq!(responds(address), expected, "{reply:?}");
            serving.join().unwrap();
        }
    }

    #[test]
    fn an_address_in_use_is_not_free() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(!is_free(server.local_addr().unwrap()));
    }
}
