//! The options of a handshake.

/// What is required of the server's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// Its chain leads to a trusted root, and it is valid for the name.
    #[default]
    ChainAndName,
    /// Its chain leads to a trusted root.
    Chain,
    /// The SHA-256 digest of the certificate, or of its public key, is one of these, in hexadecimal.
    /// Nothing else is required.
    Pins(Vec<String>),
    /// Nothing: the response may come from any server.
    /// [`Handshake::verification_error`](super::Handshake::verification_error) has the reason why
    /// it is not trusted.
    None,
}

/// The options of a handshake, for
/// [`Connection::start_tls_with`](super::Connection::start_tls_with).
///
/// ```no_run
/// use vitals_sdk::prelude::*;
/// use vitals_sdk::tls::TlsOptions;
///
/// # fn example(address: Address) -> Result<()> {
/// let options = TlsOptions::new(address.host()).alpn(["h2"]).client_certificate("monitoring");
/// let mut connection = tls::connect(&address, Duration::MAX)?;
/// let handshake = connection.start_tls_with(&options)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsOptions {
    /// The name that is sent to the server, unless it is an IP address, and that its certificate
    /// must be valid for.
    pub server_name: String,
    /// What is required of the server's certificate.
    pub verification: Verification,
    /// The protocols that are offered by ALPN, the preferred one first.
    pub alpn: Vec<String>,
    /// The client's certificate: the name of a table `tls.identities` in the host's configuration.
    pub client_certificate: Option<String>,
}

impl TlsOptions {
    /// Makes options that require a certificate that is trusted for this name.
    pub fn new(server_name: impl Into<String>) -> Self {
        Self {
            server_name: server_name.into(),
            verification: Verification::ChainAndName,
            alpn: Vec::new(),
            client_certificate: None,
        }
    }

    /// Sets what is required of the server's certificate.
    #[must_use]
    pub fn verification(mut self, verification: Verification) -> Self {
        self.verification = verification;
        self
    }

    /// Offers protocols by ALPN, the preferred one first.
    /// [`Handshake::alpn`](super::Handshake::alpn) has the one that the server selected.
    #[must_use]
    pub fn alpn(mut self, protocols: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Shows the server a certificate of the client.
    #[must_use]
    pub fn client_certificate(mut self, name: impl Into<String>) -> Self {
        self.client_certificate = Some(name.into());
        self
    }
}
