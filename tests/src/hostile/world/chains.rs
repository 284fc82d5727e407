//! TLS servers whose certificates are dear to whoever verifies or reads them.
//!
//! Only the first certificate of each chain is a real one, with a key that the server has. The others
//! are signed by nobody: what is dear about them comes before any signature.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, LazyLock};

use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use vitals_servers::Authority;

use super::{ServerBehaviour, head};
use crate::der::authority;

pub(super) const BEHAVIOURS: &[(&str, ServerBehaviour)] = &[
    ("chain-long", |stream, _| answer(stream, &LONG)),
    ("chain-tangled", |stream, _| answer(stream, &TANGLED)),
    ("chain-heavy", |stream, _| answer(stream, &HEAVY)),
];

type Config = LazyLock<Arc<ServerConfig>>;

/// Six layers of seven authorities, each of which may have been named by all of the next layer, and
/// as many small certificates beside them as fit into a handshake.
static LONG: Config = LazyLock::new(|| {
    let mut chain = Vec::new();
    for layer in 0_u8..6 {
        for number in 0..7 {
            let key = u32::from(layer) << 8 | number;
            chain.push(authority(&[layer], &[layer + 1], key, 0));
        }
    }
    let decoy = authority(b"", b"", 0, 0);
    let room = 60_000 - chain.iter().map(|one| one.len()).sum::<usize>();
    chain.extend(std::iter::repeat_n(decoy.clone(), room / decoy.len()));
    shown(&[0], chain)
});

/// Fifteen authorities of one name, which all may have issued each other, stuffed with extensions.
static TANGLED: Config = LazyLock::new(|| {
    let chain = (0..15).map(|number| authority(b"x", b"x", number, 1900));
    shown(b"x", chain)
});

/// The same, stuffed with twice as much.
static HEAVY: Config = LazyLock::new(|| {
    let chain = (0..15).map(|number| authority(b"x", b"x", number, 3700));
    shown(b"x", chain)
});

/// An authority, and a server that it vouches for.
static TRUSTED: LazyLock<(String, Arc<ServerConfig>)> = LazyLock::new(|| {
    let authority = Authority::new("Hostile Root");
    let identity = authority.identity(&["127.0.0.1"], |_| {});
    let key = PrivateKeyDer::Pkcs8(identity.key_der().into());
    (authority.pem(), config(identity.chain, &key))
});

/// The certificate of the authority that vouches for [`trusted`].
pub(super) fn root() -> &'static str {
    &TRUSTED.0
}

/// A server on 127.0.0.1 whose certificate is one to trust.
pub(super) fn trusted() -> Arc<ServerConfig> {
    Arc::clone(&TRUSTED.1)
}

/// Shakes hands, and answers a request with `ok`.
fn answer(stream: &mut TcpStream, config: &Arc<ServerConfig>) -> io::Result<()> {
    let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, stream.try_clone()?);
    head(&mut stream)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// A server that shows a certificate of its own, which says that `issuer` issued it, and then `others`.
fn shown(
    issuer: &[u8],
    others: impl IntoIterator<Item = CertificateDer<'static>>,
) -> Arc<ServerConfig> {
    let named = |name: &[u8]| {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let name = String::from_utf8_lossy(name).into_owned();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let issuer = Issuer::new(named(issuer), KeyPair::generate().expect("a key"));
    let params = named(b"web.test");
    let key = KeyPair::generate().expect("a key");
    let leaf = params.signed_by(&key, &issuer).expect("a certificate");
    let chain = std::iter::once(leaf.der().clone()).chain(others);
    config(
        chain.collect(),
        &PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    )
}

fn config(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'_>) -> Arc<ServerConfig> {
    let key = ring::sign::any_supported_type(key).expect("a key that can sign");
    let shown = CertifiedKey::new(chain, key);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    Arc::new(config)
}
