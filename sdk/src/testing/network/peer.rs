//! The other side of a connection, as a script of steps.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::step::Step;
use crate::tls::{Certificate, Handshake};

/// The other side of a connection: a script of steps that are played in order.
///
/// If the check deviates from the script, the connection breaks and the test fails. After its last
/// step a peer stays silent, and a check that waits for more times out.
///
/// ```
/// use vitals_sdk::prelude::*;
/// use vitals_sdk::testing::{Peer, World};
///
/// fn check(address: &Address) -> Result<Outcome> {
///     let mut smtp = tcp::connect(address, Duration::from_secs(2))?;
///     let greeting = smtp.read_line(512)?;
///     smtp.write_all(b"QUIT\r\n")?;
///     Ok(Outcome::healthy(greeting))
/// }
///
/// let address: Address = "mail:25".parse()?;
/// let world = World::new();
/// world.tcp("mail:25").responds(Peer::new().sends("220 ready\r\n").expects("QUIT\r\n").closes());
/// assert_eq!(world.run(|| check(&address))?.message(), "220 ready");
///
/// world.tcp("mail:25").responds(Peer::new().waits(Duration::from_secs(30)).sends("220 late\r\n"));
/// let error = world.run(|| check(&address)).unwrap_err();
/// assert_eq!(error.to_string(), "cannot read from mail:25: timed out after 2s");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "the peer has no effect until it is added to a world"]
pub struct Peer {
    connect_result: ConnectResult,
    after: Duration,
    steps: Vec<Step>,
}

/// The result of connecting.
#[derive(Clone, Debug, Default)]
pub(super) enum ConnectResult {
    #[default]
    Accepted,
    Refused,
    Unreachable,
    Denied,
    /// The name cannot be looked up, for this reason.
    Unresolvable(String),
}

impl Peer {
    /// Makes a peer that accepts the connection and does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses the connection.
    pub fn refuses() -> Self {
        Self::connecting(ConnectResult::Refused)
    }

    /// Is unreachable.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("db:5432").responds(Peer::unreachable());
    /// let error = world.run(|| tcp::connect(&"db:5432".parse().unwrap(), Duration::MAX)).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot connect to db:5432: no route to host");
    /// ```
    pub fn unreachable() -> Self {
        Self::connecting(ConnectResult::Unreachable)
    }

    /// Denies the connection, as if the operator had not granted it.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tls("db:5432").responds(Peer::denied());
    /// let connect = || tls::connect(&"db:5432".parse().unwrap(), Duration::MAX);
    /// assert!(world.run(connect).unwrap_err().is_denied());
    /// ```
    pub fn denied() -> Self {
        Self::connecting(ConnectResult::Denied)
    }

    /// Fails the look-up of the name, for this reason.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("db:5432").responds(Peer::unresolvable("there is no such name"));
    /// let error = world.run(|| tcp::connect(&"db:5432".parse().unwrap(), Duration::MAX)).unwrap_err();
    /// let text = "cannot connect to db:5432: cannot look up the host: there is no such name";
    /// assert_eq!(error.to_string(), text);
    /// ```
    pub fn unresolvable(why: impl Into<String>) -> Self {
        Self::connecting(ConnectResult::Unresolvable(why.into()))
    }

    /// Delays the connection or its failure; with [`Duration::MAX`] it never completes.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("db:5432").responds(Peer::new().after(Duration::MAX));
    /// let connect = || tcp::connect(&"db:5432".parse().unwrap(), Duration::from_secs(1));
    /// assert!(world.run(connect).unwrap_err().is_timeout());
    /// assert_eq!(world.elapsed(), Duration::from_secs(1));
    /// ```
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// Sends these bytes. Each call is a piece of its own: one read returns the piece or its
    /// beginning.
    pub fn sends(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Sends(bytes.into()))
    }

    /// Sends these bytes over and over, without end.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("db:5432").responds(Peer::new().floods("x"));
    /// let read = || tcp::connect(&"db:5432".parse().unwrap(), Duration::MAX)?.read_line(512);
    /// let error = world.run(read).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot read from db:5432: the response is longer than 512 bytes");
    /// ```
    pub fn floods(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Floods(bytes.into()))
    }

    /// Waits before the next step.
    pub fn waits(self, time: Duration) -> Self {
        self.step(Step::Waits(time))
    }

    /// Expects these bytes, in any number of pieces.
    ///
    /// ```should_panic
    /// # use vitals_sdk::prelude::*;
    /// # use vitals_sdk::testing::{Peer, World};
    /// let world = World::new();
    /// world.tcp("cache:6379").responds(Peer::new().expects("PING\r\n"));
    /// // Panics: the peer at tcp cache:6379 received `QUIT\r\n`, but expected `PING\r\n`
    /// world.run(|| {
    ///     let mut stream = tcp::connect(&"cache:6379".parse()?, Duration::MAX)?;
    ///     stream.write_all(b"QUIT\r\n")?;
    ///     Ok::<_, Error>(())
    /// });
    /// ```
    pub fn expects(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Expects(bytes.into()))
    }

    /// Waits until a function accepts all bytes received since the previous step.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// let line = |bytes: &[u8]| bytes.starts_with(b"EHLO ") && bytes.ends_with(b"\r\n");
    /// world.tcp("mail:25").responds(Peer::new().expects_where(line).sends("250 hello\r\n"));
    /// let reply = world.run(|| {
    ///     let mut smtp = tcp::connect(&"mail:25".parse()?, Duration::MAX)?;
    ///     smtp.write_all(b"EHLO vitals\r\n")?;
    ///     Ok::<_, Error>(smtp.read_line(512)?)
    /// })?;
    /// assert_eq!(reply, "250 hello");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn expects_where(self, matches: impl FnMut(&[u8]) -> bool + Send + 'static) -> Self {
        self.step(Step::ExpectsWhere(Arc::new(Mutex::new(matches))))
    }

    /// Waits until the check closes its writing side.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// let server = Peer::new().expects("a\r\n").expects_end().sends("found").closes();
    /// world.tcp("whois:43").responds(server);
    /// let reply = world.run(|| {
    ///     let mut whois = tcp::connect(&"whois:43".parse()?, Duration::MAX)?;
    ///     whois.write_all(b"a\r\n")?;
    ///     whois.finish()?;
    ///     Ok::<_, Error>(whois.read_some(64)?)
    /// })?;
    /// assert_eq!(reply, b"found");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn expects_end(self) -> Self {
        self.step(Step::ExpectsEnd)
    }

    /// From here on, passes all bytes received since the last call to a function and plays the
    /// steps of the peer that it returns. A peer without steps waits for more bytes.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("cache:6379").responds(Peer::new().replies(|received| match received {
    ///     b"PING\r\n" => Peer::new().waits(Duration::from_millis(20)).sends("+PONG\r\n"),
    ///     b"QUIT\r\n" => Peer::new().sends("+OK\r\n").closes(),
    ///     _ => Peer::new(),
    /// }));
    /// world.run(|| {
    ///     let mut cache = tcp::connect(&"cache:6379".parse()?, Duration::MAX)?;
    ///     for (line, reply) in [("PING\r\n", "+PONG"), ("PING\r\n", "+PONG"), ("QUIT\r\n", "+OK")] {
    ///         cache.write_all(line.as_bytes())?;
    ///         assert_eq!(cache.read_line(64)?, reply);
    ///     }
    ///     Ok::<_, Error>(())
    /// })?;
    /// assert_eq!(world.elapsed(), Duration::from_millis(40));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn replies(self, reply: impl FnMut(&[u8]) -> Self + Send + 'static) -> Self {
        self.step(Step::Replies(Arc::new(Mutex::new(reply))))
    }

    /// Does the TLS handshake when the check starts TLS, with a certificate that is trusted; see
    /// [`World::certificate`](crate::testing::World::certificate). Only for
    /// [`World::tls`](crate::testing::World::tls).
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// let after_starttls = Peer::new()
    ///     .expects("STARTTLS\r\n")
    ///     .sends("220 go ahead\r\n")
    ///     .accepts_tls(world.certificate("mail", 30));
    /// world.tls("mail:25").responds(after_starttls);
    /// let handshake = world.run(|| {
    ///     let mut smtp = tls::connect(&"mail:25".parse()?, Duration::MAX)?;
    ///     smtp.write_all(b"STARTTLS\r\n")?;
    ///     smtp.read_line(512)?;
    ///     Ok::<_, Error>(smtp.start_tls("mail")?)
    /// })?;
    /// assert!(handshake.is_trusted());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn accepts_tls(self, certificate: Certificate) -> Self {
        self.accepts_tls_with(handshake(certificate, None))
    }

    /// Does the TLS handshake with a certificate that is not trusted, for this reason.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// let certificate = world.certificate("db", -3);
    /// let expired = Peer::new().accepts_tls_untrusted(certificate, "it has expired");
    /// world.tls("db:5432").responds(expired);
    /// let start = || tls::connect(&"db:5432".parse().unwrap(), Duration::MAX)?.start_tls("db");
    /// let error = world.run(start).unwrap_err();
    /// let text = "cannot start TLS with db:5432: the certificate of db is not trusted: it has expired";
    /// assert_eq!(error.to_string(), text);
    /// ```
    pub fn accepts_tls_untrusted(self, certificate: Certificate, why: impl Into<String>) -> Self {
        self.accepts_tls_with(handshake(certificate, Some(why.into())))
    }

    /// Does the TLS handshake with all its properties given.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    /// use vitals_sdk::tls::Handshake;
    ///
    /// let world = World::new();
    /// world.tls("db:5432").responds(Peer::new().accepts_tls_with(Handshake {
    ///     chain: vec![world.certificate("db", 30), world.certificate("Test CA", 900)],
    ///     protocol: "TLSv1.2".to_owned(),
    ///     cipher: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".to_owned(),
    ///     alpn: None,
    ///     verification_error: None,
    /// }));
    /// let start = || tls::connect(&"db:5432".parse().unwrap(), Duration::MAX)?.start_tls("db");
    /// let handshake = world.run(start)?;
    /// assert_eq!(handshake.protocol, "TLSv1.2");
    /// # Ok::<(), tls::Error>(())
    /// ```
    pub fn accepts_tls_with(self, handshake: Handshake) -> Self {
        self.step(Step::AcceptsTls(handshake))
    }

    /// Fails the TLS handshake, for this reason.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tls("db:5432").responds(Peer::new().refuses_tls("no common protocol"));
    /// let start = || tls::connect(&"db:5432".parse().unwrap(), Duration::MAX)?.start_tls("db");
    /// let error = world.run(start).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot start TLS with db:5432: no common protocol");
    /// ```
    pub fn refuses_tls(self, why: impl Into<String>) -> Self {
        self.step(Step::RefusesTls(why.into()))
    }

    /// Closes the connection in an orderly way.
    pub fn closes(self) -> Self {
        self.step(Step::Closes)
    }

    /// Resets the connection.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Peer, World};
    ///
    /// let world = World::new();
    /// world.tcp("db:5432").responds(Peer::new().resets());
    /// let read = || tcp::connect(&"db:5432".parse().unwrap(), Duration::MAX)?.read_some(1);
    /// let error = world.run(read).unwrap_err();
    /// assert!(error.to_string().ends_with("connection reset by peer"));
    /// ```
    pub fn resets(self) -> Self {
        self.step(Step::Resets)
    }

    fn connecting(connect_result: ConnectResult) -> Self {
        Self {
            connect_result,
            ..Self::default()
        }
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(super) fn connect_delay(&self) -> Duration {
        self.after
    }

    pub(super) fn connect_result(&self) -> &ConnectResult {
        &self.connect_result
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

/// Makes the handshake of a server with this certificate.
pub(crate) fn handshake(certificate: Certificate, verification_error: Option<String>) -> Handshake {
    Handshake {
        chain: vec![certificate],
        protocol: "TLSv1.3".to_owned(),
        cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
        alpn: None,
        verification_error,
    }
}
