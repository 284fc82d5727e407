//! TLS by the host, for protocols over a plain stream. The check needs no cryptography, and can
//! inspect the server's certificates.
//!
//! A connection is plain until [`Connection::start_tls`], so that a protocol with STARTTLS can
//! exchange its first lines before. Outside the host every call returns [`Problem::NoHost`]. In a
//! [`World`](crate::testing::World) a test defines the peers.
//!
//! ```no_run
//! use vitals_sdk::prelude::*;
//!
//! # fn example(address: Address) -> Result<Outcome> {
//! let mut connection = tls::connect(&address, Duration::from_secs(5))?;
//! let handshake = connection.start_tls(address.host())?;
//! let days = handshake.leaf().map_or(0, tls::Certificate::days_left);
//! Ok(if days < 14 {
//!     Outcome::degraded(format!("the certificate expires in {days} days"))
//! } else {
//!     Outcome::healthy("")
//! })
//! # }
//! ```
//!
//! The same over SMTP:
//!
//! ```no_run
//! # use vitals_sdk::prelude::*;
//! # fn example(address: Address) -> Result<()> {
//! let mut smtp = tls::connect(&address, Duration::from_secs(5))?;
//! smtp.read_line(512)?;
//! let mut reply = smtp.exchange_line(b"EHLO vitals\r\n", 512)?;
//! while reply.starts_with("250-") {
//!     reply = smtp.read_line(512)?;
//! }
//! smtp.exchange_line(b"STARTTLS\r\n", 512)?;
//! smtp.start_tls(address.host())?;
//! smtp.write_all(b"QUIT\r\n")?;
//! # Ok(())
//! # }
//! ```

mod certificate;
mod error;
mod options;
mod settings;

use std::time::Duration;

use crate::Address;
use crate::deadline::Limit;
use crate::net::{ConnectOptions, Failed, Protocol, Stream, stream_methods, stream_traits};

pub use certificate::{Certificate, Handshake};
pub use error::{Error, Problem};
pub use options::{TlsOptions, Verification};
pub(crate) use settings::ServerName;
pub use settings::{CertificateSettings, EncryptionSettings, TlsSettings};

/// Connects to an address that is granted for TLS, within `timeout`.
///
/// The same `timeout` then limits each operation of the connection. `Duration::MAX` means until the
/// run's deadline, which always applies.
pub fn connect(address: &Address, timeout: Duration) -> Result<Connection, Error> {
    connect_with(address, &ConnectOptions::new().timeout(timeout))
}

/// Connects like [`connect`], only to addresses of one family or through a proxy.
pub fn connect_with(address: &Address, options: &ConnectOptions) -> Result<Connection, Error> {
    match Stream::connect(Protocol::Tls, address, options) {
        Ok(stream) => Ok(Connection { stream }),
        Err(failed) => Err(Error::of(address, failed)),
    }
}

/// A connection, plain or TLS. An error closes it, except a timeout of a read, which can be
/// repeated without losing data.
///
/// The methods that begin with `exchange_` write and read in one call of the host, which takes less
/// time than two. The connection also implements [`std::io::Read`] and [`std::io::Write`], for
/// protocol crates.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
}

impl Connection {
    stream_methods!();

    /// Does a TLS handshake for `name`, which is sent to the server unless it is an IP address. A
    /// certificate that is not trusted for the name is an error with the reason.
    ///
    /// The operator defines which roots are trusted: the machine's, or those of `tls.roots`.
    pub fn start_tls(&mut self, name: &str) -> Result<Handshake, Error> {
        self.start_tls_with(&TlsOptions::new(name))
    }

    /// Like [`Connection::start_tls`], but continues with a certificate that is not trusted:
    /// [`Handshake::verification_error`] has the reason. Data read afterwards may come from any
    /// server.
    pub fn start_tls_unverified(&mut self, name: &str) -> Result<Handshake, Error> {
        self.start_tls_with(&TlsOptions::new(name).verification(Verification::None))
    }

    /// Does a TLS handshake with all options. Bytes that were received before and not read are an
    /// error: they are not authenticated, and must not count as received over TLS.
    pub fn start_tls_with(&mut self, options: &TlsOptions) -> Result<Handshake, Error> {
        let limit = Limit::new(self.stream.timeout);
        self.stream
            .wire
            .start_tls(options, limit)
            .map_err(|failure| {
                self.error(Failed {
                    action: "start TLS with",
                    failure,
                    limit,
                })
            })
    }
}

stream_traits!(Connection);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation_error::NO_HOST;

    #[test]
    fn tls_outside_the_host_is_an_error() {
        let address: Address = "db.internal:5432".parse().unwrap();
        let error = connect(&address, Duration::MAX).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot connect to db.internal:5432: {NO_HOST}")
        );
        assert!(!error.is_denied() && !error.is_timeout());
    }
}
