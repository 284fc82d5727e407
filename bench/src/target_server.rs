//! What checks look at: a tiny HTTP server in a process of its own, so that its CPU time is not that of
//! who checks.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// The server. It ends when this is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    child: Child,
}

/// The only argument of a bench that is to be the server; nothing for people.
pub(crate) const ARGUMENT: &str = "serve-for-checks";

impl Served {
    pub(crate) fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server that checks look at")?;
        let mut line = String::new();
        let said = child.stdout.take().context("its output is piped")?;
        BufReader::new(said).read_line(&mut line)?;
        let address = line.trim().parse();
        let address = address.context("the server that checks look at does not come up")?;
        Ok(Self { address, child })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended; there is nobody to tell of it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until standard input ends, which it does with who started it.
pub(crate) fn serve() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    for _ in 0..THREADS {
        let listener = listener.try_clone()?;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who goes away is no trouble of the server's.
                let _ = answer(stream);
            }
        });
    }
    let _ = std::io::stdin().read(&mut [0])?;
    Ok(())
}

/// Answers one request, and closes the connection as it says; none where a client only connects.
fn answer(mut stream: TcpStream) -> Result<()> {
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

/// More than ask at once: each is taken up by one connection at a time.
const THREADS: usize = 128;
