//! Ways for the fuzz targets to what this crate keeps to itself: decisions of grants, schemas, names of
//! functions, and the certificates of servers.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use serde_json::{Map, Value, json};

use super::egress;
use super::grants::{self, Channel, Grant, GrantError, Grants, Host, Peer, ResolvedAddress};
use super::schema::{Binding, BindingError, Schema};
use super::symbols::Symbols;
use vitals_io::trust;
use vitals_model::Secrets;
use vitals_model::Text;

/// Whether `grants` lets a check reach `host` at `port` where it leads to `address`: both halves of
/// the decision, as a connection asks for them.
pub fn reaches(grants: &Grants, channel: Channel, host: &Host, port: u16, address: IpAddr) -> bool {
    let host = host.clone();
    let peer = Peer {
        channel,
        host,
        port,
    };
    grants.permit(&peer).is_ok()
        && grants
            .permit_address(&peer, ResolvedAddress::assumed_remote(address))
            .is_ok()
}

/// What a check's `config` grants whose one value is `text`, marked with `mark` by the schema.
pub fn granted_by(mark: &str, text: &str) -> Result<Vec<Grant>, GrantError> {
    let schema = json!({"properties": {"value": {"x-vitals-grant": mark}}});
    grants::granted_by_marks(&schema, &json!({"value": text}))
}

/// What became of the certificates of a server.
#[derive(Debug)]
pub struct Verified {
    /// Whether they are too many or too large to be verified.
    pub is_refused: bool,
    /// Why the server is not trusted.
    pub untrusted: Option<String>,
    /// What a guest is shown of them, and told.
    pub shown: Vec<String>,
}

/// Verifies the certificates that a server shows for `web.test`, and shows them.
pub fn verify(chain: &[Vec<u8>], root: Vec<u8>) -> Verified {
    let chain = chain.iter().map(|der| CertificateDer::from(&der[..]));
    let chain: Vec<_> = chain.collect();
    let (is_refused, untrusted) = egress::verify(&chain, root.into());
    let shown = chain.iter().take(16).flat_map(|der| {
        let shown = super::tls::describe_certificate(der);
        let texts = [shown.subject, shown.issuer, shown.serial, shown.sha256];
        texts.into_iter().chain(shown.names)
    });
    Verified {
        is_refused,
        untrusted,
        shown: shown.chain(trust::weak_key_error(&chain[0])).collect(),
    }
}

/// Reads a plugin's schema, and binds a configuration to it.
pub fn bind(schema: &str, config: &Map<String, Value>) -> Result<Binding, BindingError> {
    let schema = Schema::parse(schema)?;
    // As a load does, which looks for what the schema wants granted; too complex is an answer.
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
