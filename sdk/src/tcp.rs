//! TCP with deadlines.
//!
//! In the host, the host connects to a granted address. Outside the host, the machine's network is
//! used, or a peer of a test's [`World`](crate::testing::World).

mod error;
#[cfg(not(target_family = "wasm"))]
mod net;

use std::time::Duration;

use crate::Address;
use crate::net::{ConnectOptions, Protocol, Stream, stream_methods, stream_traits};

pub use error::Error;
#[cfg(not(target_family = "wasm"))]
pub(crate) use net::StdConnection;

/// Connects to the first address of the host name that answers, within `timeout` in total.
///
/// The same `timeout` then limits each operation of the stream. `Duration::MAX` means until the
/// run's deadline, which always applies. Outside the host, addresses are tried in order, and the
/// look-up of a name does not observe the timeout.
///
/// ```no_run
/// use vitals_sdk::prelude::*;
///
/// # fn example(address: Address) -> Result<()> {
/// let mut stream = tcp::connect(&address, Duration::from_secs(2))?;
/// let reply = stream.exchange_line(b"PING\r\n", 1024)?;
/// # Ok(())
/// # }
/// ```
pub fn connect(address: &Address, timeout: Duration) -> Result<TcpStream, Error> {
    connect_with(address, &ConnectOptions::new().timeout(timeout))
}

/// Connects like [`connect`], only to addresses of one family or through a proxy.
pub fn connect_with(address: &Address, options: &ConnectOptions) -> Result<TcpStream, Error> {
    match Stream::connect(Protocol::Tcp, address, options) {
        Ok(stream) => Ok(TcpStream { stream }),
        Err(failed) => Err(Error::of(address, failed)),
    }
}

/// A connection. Each operation is limited by the timeout given when connecting, and by the run's
/// deadline. An error closes it, except one of a read: [`TcpStream::read_received`] returns what was
/// received before it.
///
/// The methods that begin with `exchange_` write and read in one call of the host, which takes less
/// time than two. The stream also implements [`std::io::Read`] and [`std::io::Write`], for protocol
/// crates.
#[derive(Debug)]
pub struct TcpStream {
    stream: Stream,
}

impl TcpStream {
    stream_methods!();
}

stream_traits!(TcpStream);

#[cfg(test)]
mod tests {
    #![expect(
        clippy::disallowed_methods,
        reason = "the servers run on threads of their own"
    )]

    use super::*;
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::thread;

    /// Starts a server for one connection.
    fn server(serve: impl FnOnce(std::net::TcpStream) + Send + 'static) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = to_address(listener.local_addr().unwrap());
        thread::spawn(move || serve(listener.accept().unwrap().0));
        address
    }

    fn to_address(address: SocketAddr) -> Address {
        address.to_string().parse().unwrap()
    }

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn bytes_read_ahead_are_not_lost() {
        let address = server(|mut peer| {
            peer.write_all(b"220 hello\r\n250-a\r\n250 b\r\nrest")
                .unwrap();
        });
        let mut stream = connect(&address, SOON).unwrap();
        assert_eq!(stream.read_line(64).unwrap(), "220 hello");
        assert_eq!(
            stream.read_until(b"250 b\r\n", 64).unwrap(),
            b"250-a\r\n250 b\r\n"
        );
        assert_eq!(stream.read_exact(2).unwrap(), b"re");
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "st");
    }

    #[test]
    fn an_exchange_writes_and_reads() {
        let address = server(|mut peer| {
            let mut line = [0; 6];
            while peer.read_exact(&mut line).is_ok() {
                peer.write_all(b"+PONG\r\n+").unwrap();
            }
            peer.write_all(b"end").unwrap();
        });
        let mut stream = connect(&address, SOON).unwrap();
        assert_eq!(stream.exchange_line(b"PING\r\n", 64).unwrap(), "+PONG");
        assert_eq!(stream.exchange_exact(b"PING\r\n", 3).unwrap(), b"++P");
        let reply = stream.exchange_until(b"PING\r\n", b"++", 64).unwrap();
        assert_eq!(reply, b"ONG\r\n++");
        stream.finish().unwrap();
        assert_eq!(stream.exchange_to_end(b"", 64).unwrap(), b"PONG\r\n+end");
        assert_eq!(stream.exchange_some(b"", 64).unwrap(), b"");
    }

    #[test]
    fn a_terminator_that_the_host_cannot_look_for_is_found() {
        let end = [&[b'a'; 70][..], b"b"].concat();
        let sent = [b"xa", &[b'a'; 75][..], b"b", b"after"].concat();
        let address = server(move |mut peer| peer.write_all(&sent).unwrap());
        let mut stream = connect(&address, SOON).unwrap();
        let read = stream.read_until(&end, 100).unwrap();
        assert!(read.starts_with(b"xa") && read.ends_with(b"ab") && read.len() == 78);
        assert_eq!(stream.read_until(b"", 1).unwrap(), b"");
        let error = stream.read_until(&end, 70).unwrap_err();
        assert!(
            error.to_string().ends_with("longer than 70 bytes"),
            "{error}"
        );
        assert_eq!(stream.read_exact(5).unwrap(), b"after");
    }

    #[test]
    fn only_what_was_received_is_read() {
        let address = server(|mut peer| {
            peer.write_all(b"220 mail ready\r\n").unwrap();
            thread::sleep(SOON);
        });
        let mut stream = connect(&address, SOON).unwrap();
        assert_eq!(stream.read_until(b"220", 64).unwrap(), b"220");
        assert_eq!(stream.read_received(64).unwrap(), b" mail ready\r\n");
        assert_eq!(stream.read_received(64).unwrap(), b"");
    }

    #[test]
    fn the_family_selects_the_addresses() {
        use crate::net::Family;

        let address = server(drop);
        let options = ConnectOptions::new().timeout(SOON);
        assert!(connect_with(&address, &options.clone().family(Family::Ipv4)).is_ok());
        let error = connect_with(&address, &options.clone().family(Family::Ipv6)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = connect_with(&address, &options.proxy("dmz")).unwrap_err();
        assert!(
            error.to_string().contains("only in the vitals host"),
            "{error}"
        );
    }

    #[test]
    fn a_terminator_in_two_pieces_is_found() {
        let address = server(|mut peer| {
            for piece in [&b"abc\r"[..], b"\n", b"d"] {
                peer.write_all(piece).unwrap();
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut stream = connect(&address, SOON).unwrap();
        assert_eq!(stream.read_until(b"\r\n", 5).unwrap(), b"abc\r\n");
        let error = stream.read_until(b"\r\n", 5).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("the peer closed the connection"),
            "{error}"
        );
    }

    #[test]
    fn an_endless_response_stops_at_the_limit() {
        let address = server(|mut peer| while peer.write_all(b"xxxx").is_ok() {});
        let mut stream = connect(&address, SOON).unwrap();
        let error = stream.read_until(b"\n", 100).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("the response is longer than 100 bytes"),
            "{error}"
        );
    }

    #[test]
    fn a_trickle_of_bytes_does_not_extend_the_deadline() {
        let address = server(|mut peer| {
            while peer.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut stream = connect(&address, SOON).unwrap();
        stream.set_timeout(Duration::from_millis(150));
        let started = std::time::Instant::now();
        let error = stream.read_line(1 << 20).unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert!(started.elapsed() < Duration::from_secs(2));
        assert_eq!(
            error.to_string(),
            format!("cannot read from {address}: timed out after 150ms")
        );
    }

    #[test]
    fn a_closed_port_is_a_refused_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = to_address(listener.local_addr().unwrap());
        drop(listener);
        let error = connect(&address, SOON).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(
            error.to_string(),
            format!("cannot connect to {address}: connection refused")
        );
    }
}
