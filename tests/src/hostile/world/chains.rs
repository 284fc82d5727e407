//! The certificates of TLS servers, most of them expensive to verify or read.
//!
//! Only the first certificate of those chains is real, with a key that the server has. Nobody
//! signed the others: what is expensive about them comes before any signature.

use std::sync::{Arc, LazyLock};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use vitals_servers::{Authority, Identity};

use crate::der::authority;

pub(super) type TlsConfig = LazyLock<Arc<ServerConfig>>;

/// The authority that signs [`TRUSTED`].
pub(super) static ROOT: LazyLock<Authority> = LazyLock::new(|| Authority::new("Hostile Root"));

/// A certificate for 127.0.0.1 that whoever trusts [`ROOT`] trusts.
pub(super) static TRUSTED: TlsConfig =
    LazyLock::new(|| config(ROOT.identity(&["127.0.0.1"], |_| {})));

/// Six layers of seven authorities, each of which may have been named by all of the next layer, and
/// as many small certificates beside them as fit into a handshake.
pub(super) static LONG: TlsConfig = LazyLock::new(|| {
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
    issued_by("\0", chain)
});

/// Fifteen authorities of one name, which all may have issued each other, stuffed with extensions.
pub(super) static TANGLED: TlsConfig = LazyLock::new(|| namesakes(1900));

/// The same, stuffed with twice as much.
pub(super) static HEAVY: TlsConfig = LazyLock::new(|| namesakes(3700));

fn namesakes(stuffing: usize) -> Arc<ServerConfig> {
    let chain = (0..15).map(|number| authority(b"x", b"x", number, stuffing));
    issued_by("x", chain)
}

/// A certificate that names this issuer, and then `others`.
fn issued_by(
    issuer: &str,
    others: impl IntoIterator<Item = CertificateDer<'static>>,
) -> Arc<ServerConfig> {
    let mut identity = Authority::new(issuer).identity(&["web.test"], |_| {});
    identity.chain.truncate(1);
    identity.chain.extend(others);
    config(identity)
}

fn config(identity: Identity) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(identity.key_der().into());
    let key = ring::sign::any_supported_type(&key).expect("a key that can sign");
    let shown = CertifiedKey::new(identity.chain, key);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    Arc::new(config)
}
