//! Access for the fuzz targets to private functions of this crate: decisions of grants, schemas,
//! function names, and certificates.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use serde_json::{Map, Value, json};

use super::egress;
use super::grants::{self, Channel, Grant, GrantError, Grants, Host, Peer, ResolvedAddress};
use super::schema::{Binding, BindingError, Schema};
use super::symbols::Symbols;
use vitals_io::trust;
use vitals_model::{Secrets, Text};

/// Whether `grants` permits a check to reach `host` at `port` when it resolves to `address`.
pub fn reaches(grants: &Grants, channel: Channel, host: &Host, port: u16, address: IpAddr) -> bool {
    let peer = Peer::new(channel, host.clone(), port);
    grants.permit(&peer).is_ok()
        && grants
            .permit_address(&peer, ResolvedAddress::assumed_remote(address))
            .is_ok()
}

/// The grants of a check whose schema marks its only value `text` with `mark`.
pub fn granted_by(mark: &str, text: &str) -> Result<Vec<Grant>, GrantError> {
    let schema = json!({"properties": {"value": {"x-vitals-grant": mark}}});
    grants::granted_by_marks(&schema, &json!({"value": text}))
}

/// The result of verifying a chain.
#[derive(Debug)]
pub struct Verified {
    /// Whether the chain has too many certificates or is too large.
    pub is_refused: bool,
    /// Why the server is not trusted.
    pub untrusted: Option<String>,
    /// The texts that a guest would see.
    pub shown: Vec<String>,
}

/// Verifies a chain for `web.test`, and returns what a guest would see.
pub fn verify(chain: &[Vec<u8>], root: Vec<u8>) -> Verified {
    let chain = chain.iter().map(|der| CertificateDer::from(&der[..]));
    let chain: Vec<_> = chain.collect();
    let (is_refused, untrusted) = egress::verify(&chain, root.into());
    let shown = chain.iter().take(16).flat_map(|der| {
        let shown = super::net::describe_certificate(der);
        let texts = [shown.subject, shown.issuer, shown.serial, shown.sha256];
        texts.into_iter().chain(shown.names)
    });
    Verified {
        is_refused,
        untrusted,
        shown: shown.chain(trust::weak_key_error(&chain[0])).collect(),
    }
}

/// Parses a plugin's schema, and binds a configuration to it.
pub fn bind(schema: &str, config: &Map<String, Value>) -> Result<Binding, BindingError> {
    let schema = Schema::parse(schema)?;
    // A load also looks for marked properties. `TooComplex` is a valid result.
    drop(grants::marked_properties(schema.document()));
    drop(grants::granted_by_marks(
        schema.document(),
        &Value::Object(config.clone()),
    ));
    schema.bind(config)
}

/// The names of the functions on one stack as a result shows them.
pub fn symbols<'n>(names: impl IntoIterator<Item = &'n str>, secrets: &Secrets) -> Vec<Text> {
    let mut symbols = Symbols::new(secrets);
    names.into_iter().map(|name| symbols.show(name)).collect()
}
