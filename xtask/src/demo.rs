//! `cargo xtask demo`: the host with the checks of `examples/demo`, from nothing.
//!
//! The verb turns itself into the host once all is built, so that Ctrl-C, signals and the exit
//! status are the host's own; a small companion waits for the first answer and says what to try.

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

/// Build all that is needed and run the host with the checks of `examples/demo`.
#[derive(Args)]
pub(crate) struct Demo {
    /// Where the host listens, instead of what `examples/demo/vitals.toml` says.
    #[arg(long, env = "VITALS_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// Wait for the first answer of a host and say what to try.
#[derive(Args)]
pub(crate) struct Announce {
    address: SocketAddr,
}

/// The configuration of the demo, in the root of the repository.
const CONFIG: &str = "examples/demo/vitals.toml";

/// The guest that is dropped into the plugins directory.
const DROPPED_IN: &str = "hello";

impl Demo {
    /// Builds, lays out `target/demo` and becomes the host.
    ///
    /// # Errors
    ///
    /// Something can't be built or laid out, or the host can't be started.
    pub(crate) fn run(&self) -> Result<()> {
        let mut steps = Steps::new(4);
        let hello = guests::plugins_and_one(&mut steps, DROPPED_IN)?;
        steps.step("the host (the first time, this takes minutes)", || {
            run(native("build").args(["--bin", "vitals"]))
        })?;
        let plugins = workspace::target().join("demo/plugins");
        workspace::copy_if_changed(&hello, &plugins.join(format!("{DROPPED_IN}.wasm")))?;

        let address = match self.listen {
            Some(address) => Some(address),
            None => listen_address(
                &fs::read_to_string(workspace::root().join(CONFIG))
                    .with_context(|| format!("cannot read {CONFIG}"))?,
            ),
        };
        steps.begin(&format!("vitals serve --config {CONFIG}"));
        // Somebody else's answer is not to be announced; the host says itself what is wrong then.
        if let Some(address) = address.filter(|address| address.port() != 0 && is_free(*address)) {
            let program = env::current_exe().context("cannot find this program's own file")?;
            command(program)
                .args(["announce", &address.to_string()])
                .spawn()
                .context("cannot start the companion that waits for the first answer")?;
        }
        let host = workspace::target().join("debug/vitals");
        let mut serve = command(&host);
        serve
            .args(["serve", "--config", CONFIG])
            .stdin(Stdio::inherit());
        if let Some(listen) = self.listen {
            serve.env("VITALS_LISTEN", listen.to_string());
        }
        // Comes back only where it failed.
        Err(serve.exec()).with_context(|| format!("cannot start {}", host.display()))
    }
}

impl Announce {
    /// Waits for the first answer of `/health`, as long as the host lives that started as this
    /// program's parent, and says what to try.
    ///
    /// # Errors
    ///
    /// None; the result is that of every verb.
    #[expect(clippy::unnecessary_wraps, reason = "every verb answers alike")]
    pub(crate) fn run(&self) -> Result<()> {
        let started = Instant::now();
        let host = parent_id();
        while parent_id() == host {
            if answers(self.address) {
                say(&what_to_try(self.address, started.elapsed()));
                return Ok(());
            }
            pause();
        }
        Ok(())
    }
}

/// The address that a configuration listens on; nothing where it is not a plain one.
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

/// Tells whether `/health` answers with what an HTTP server says.
fn answers(address: SocketAddr) -> bool {
    let Ok(mut connection) =
        TcpStream::connect_timeout(&reachable(address), Duration::from_secs(1))
    else {
        return false;
    };
    let mut start = [0; 5];
    connection
        // The first answer waits for the first run of every check.
        .set_read_timeout(Some(Duration::from_secs(90)))
        .and_then(|()| connection.write_all(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n"))
        .and_then(|()| connection.read_exact(&mut start))
        .is_ok_and(|()| &start == b"HTTP/")
}

/// Where a server that listens on `address` is reached from this machine.
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

fn what_to_try(address: SocketAddr, after: Duration) -> String {
    let url = format!("http://{}", reachable(address));
    let after = after.as_secs_f64();
    format!(
        "
vitals answers, {after:.1} s after it was started. Try these in another terminal:

  curl {url}/health                       every check, and the verdict over them
  curl {url}/health/checks/module:hello   all that is known of one check
  curl {url}/plugins                      what is loaded, and what it may reach
  curl -i {url}/health/ready              what a load balancer asks

  rm target/demo/plugins/hello.wasm                     its check goes within a second
  echo broken > target/demo/plugins/broken.wasm         a plugin that is none: unhealthy, and why;
                                                        the others go on
  rm target/demo/plugins/broken.wasm                    and all is as it was
  cp target/plugins/tcp.wasm target/demo/plugins/new.wasm
                                                        a plugin that needs settings: idle, and
                                                        /plugins says what it wants
  target/debug/vitals serve --listen 127.0.0.1:8009     what the check `neighbour` looks for

{CONFIG} says what each check is; a change of it is taken over while vitals runs.
Ctrl-C ends it.
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
                // All of it: what is left unread at the end resets the connection.
                let mut lines = BufReader::new(&connection).lines();
                assert_eq!(lines.next().unwrap().unwrap(), "GET /health HTTP/1.0");
                assert!(lines.any(|line| line.unwrap().is_empty()));
                connection.write_all(reply.as_bytes()).unwrap();
            });
            assert_eq!(answers(address), expected, "{reply:?}");
            serving.join().unwrap();
        }
    }

    #[test]
    fn an_address_in_use_is_not_free() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(!is_free(server.local_addr().unwrap()));
    }
}
