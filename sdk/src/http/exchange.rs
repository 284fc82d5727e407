//! What is known of an exchange beside the response.

use std::time::Duration;

use crate::tls::Handshake;
use crate::{Outcome, seconds, timestamp};

/// What is known of an exchange, whether there was a response or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// How long each phase took.
    pub phases: Phases,
    /// The address and port of the last connection.
    pub remote_address: Option<String>,
    /// The last TLS handshake. A server that is not trusted has one too.
    pub handshake: Option<Handshake>,
}

/// The time that each phase of an exchange took, over all redirects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Phases {
    /// Looking up the name.
    pub resolve: Duration,
    /// Connecting.
    pub connect: Duration,
    /// The TLS handshake, with the verification of the certificate.
    pub tls: Duration,
    /// Sending the request.
    pub request: Duration,
    /// From the request to the status.
    pub first_byte: Duration,
    /// Reading and decoding the body.
    pub body: Duration,
}

impl Outcome {
    /// Records what is known of an exchange.
    ///
    /// Adds the measurements `resolve_time`, `connect_time`, `tls_time`, `first_byte_time` and
    /// `body_time` for the phases that took place, `certificate_expiry` for the certificate of the
    /// server, trusted or not, and the detail `remote_address`.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// # use vitals_sdk::testing::{Response, World};
    ///
    /// fn check(url: &Url) -> Outcome {
    ///     match http::get(url).send() {
    ///         Ok(response) => Outcome::healthy("up").exchange(response.exchange()),
    ///         Err(error) => Outcome::unhealthy(error.to_string()).exchange(error.exchange()),
    ///     }
    /// }
    /// # let world = World::new();
    /// # let response = Response::ok("up").after(Duration::from_millis(5));
    /// # world.http("GET", "http://web/").responds(response);
    /// # let url = "http://web/".parse()?;
    /// # let outcome = world.outcome(|| Ok::<_, Error>(check(&url)));
    /// # assert_eq!(outcome.measurements()[0].name(), "first_byte_time");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn exchange(mut self, exchange: &Exchange) -> Self {
        let phases = &exchange.phases;
        for (name, time) in [
            ("resolve_time", phases.resolve),
            ("connect_time", phases.connect),
            ("tls_time", phases.tls),
            ("first_byte_time", phases.first_byte),
            ("body_time", phases.body),
        ] {
            if !time.is_zero() {
                self = self.measure(seconds(name, time));
            }
        }
        if let Some(address) = &exchange.remote_address {
            self = self.detail("remote_address", address.as_str());
        }
        match exchange.handshake.as_ref().and_then(Handshake::leaf) {
            // A certificate that the host cannot parse has no times.
            Some(leaf) if leaf.not_after != 0 => {
                self.measure(timestamp("certificate_expiry", leaf.not_after))
            }
            _ => self,
        }
    }
}

/// The version of HTTP of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// Returns the version as it is written: `HTTP/1.1`, `HTTP/2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}
