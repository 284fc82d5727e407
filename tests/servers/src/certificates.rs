//! Certificates made by the tests.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ED25519,
};
use rustls::pki_types::CertificateDer;

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate with its chain and its key.
#[derive(Debug)]
pub struct Identity {
    /// The chain that the server sends, the leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf in PEM.
    pem: String,
    key: KeyPair,
}

impl Authority {
    /// Makes an authority.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be made.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// Returns its certificate in PEM, for a file of roots.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Signs a certificate for `names`, after `change` has changed it.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be made.
    pub fn identity(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let (params, key) = params(names, change);
        let leaf = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity {
            chain: vec![leaf.der().clone(), self.certificate.der().clone()],
            pem: leaf.pem(),
            key,
        }
    }
}

impl Identity {
    /// Makes a self-signed certificate.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be made.
    pub fn self_signed(names: &[&str]) -> Self {
        let (params, key) = params(names, |_| {});
        let leaf = params.self_signed(&key).expect("a certificate");
        Self {
            chain: vec![leaf.der().clone()],
            pem: leaf.pem(),
            key,
        }
    }

    /// Makes an identity that is expensive to verify: its chain has layers of intermediates whose
    /// names refer to each other although none signed the next, as many as one handshake may
    /// contain.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be made.
    pub fn costly_to_verify(names: &[&str]) -> Self {
        let (params, key) = params(names, |_| {});
        let leaf = params.signed_by(&key, &issuer("layer 0"));
        let leaf = leaf.expect("a certificate");
        let mut chain = vec![leaf.der().clone()];
        for layer in 0..LAYERS {
            let next = format!("layer {}", layer + 1);
            let intermediate = intermediate(&format!("layer {layer}"), &next);
            chain.extend(std::iter::repeat_n(intermediate, IN_LAYER));
        }
        let other = intermediate("another", "another");
        let bytes: usize = chain.iter().map(|one| one.len() + FRAMING).sum();
        let others = (HANDSHAKE - bytes) / (other.len() + FRAMING);
        chain.extend(std::iter::repeat_n(other, others));
        Self {
            chain,
            pem: leaf.pem(),
            key,
        }
    }

    /// Returns its certificate in PEM, for a server that reads a file.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns its key in PEM, for such a server.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Returns its key in PKCS #8.
    pub fn key_der(&self) -> Vec<u8> {
        self.key.serialize_der()
    }

    /// Returns the same chain with a key that does not match.
    ///
    /// # Panics
    ///
    /// Panics if no key can be made.
    #[must_use]
    pub fn with_another_key(self) -> Self {
        let key = KeyPair::generate().expect("a key");
        Self { key, ..self }
    }
}

/// Makes a certificate of an authority that `by` appears to have signed.
fn intermediate(name: &str, by: &str) -> CertificateDer<'static> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.signed_by(&small_key(), &issuer(by));
    certificate.expect("a certificate").der().clone()
}

fn issuer(name: &str) -> Issuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    Issuer::new(params, small_key())
}

fn small_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).expect("a key")
}

fn params(
    names: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> (CertificateParams, KeyPair) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    change(&mut params);
    (params, KeyPair::generate().expect("a key"))
}

/// The number of layers, and of certificates per layer, with which webpki exhausts its budget.
const LAYERS: usize = 6;
const IN_LAYER: usize = 7;
/// The bytes of certificates that a client accepts in a handshake, and the overhead of each.
const HANDSHAKE: usize = 60_000;
const FRAMING: usize = 5;
