//! A tiny HTTP server for checks, in its own process, so that its CPU time does not count for the checker.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// The running server. Dropping it kills the process.
pub(crate) struct TargetServer {
    pub(crate) address: SocketAddr,
    child: Child,
}

/// The argument that makes this program the server. For internal use.
pub(crate) const ARGUMENT: &str = "serve-for-checks";

impl TargetServer {
    pub(crate) fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server for checks")?;
        let mut line = String::new();
        let output = child.stdout.take().context("its output is piped")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse();
        let address = address.context("the server for checks does not start")?;
        Ok(Self { address, child })
    }
}

impl Drop for TargetServer {
    fn drop(&mut self) {
        // An error means that the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until standard input is closed, which happens when the parent process ends.
pub(crate) fn serve() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    for _ in 0..THREADS {
        let listener = listener.try_clone()?;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that disconnects is not an error.
                let _ = respond(stream);
            }
        });
    }
    let _ = std::io::stdin().read(&mut [0])?;
    Ok(())
}

/// Responds to at most one request and closes the connection. A client may also only connect.
fn respond(mut stream: TcpStream) -> Result<()> {
    stream.set_read_timeout(Some(std::time::Duration::from_secs(1)))?;
    let (mut request, mut filled) = ([0; 8 << 10], 0);
    while !request[..filled].ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut request[filled..])?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
    }
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n",
    )?;
    Ok(())
}

/// More than the number of concurrent clients: each thread serves one connection at a time.
const THREADS: usize = 128;
