//! Certificates of a test's own making.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
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
    /// What the server sends, the leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf, for a file.
    pem: String,
    key: KeyPair,
}

impl Authority {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// It can't be made.
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

    /// Its certificate, for a file of roots.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Signs a certificate for `names`, changed as the test wants it.
    ///
    /// # Panics
    ///
    /// It can't be made.
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
    /// One that nobody but itself has signed.
    ///
    /// # Panics
    ///
    /// It can't be made.
    pub fn self_signed(names: &[&str]) -> Self {
        let (params, key) = params(names, |_| {});
        let leaf = params.self_signed(&key).expect("a certificate");
        Self {
            chain: vec![leaf.der().clone()],
            pem: leaf.pem(),
            key,
        }
    }

    /// Its certificate, for a server that reads it from a file.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its key, for such a server.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Its key as it is in such a file, in PKCS #8.
    pub fn key_der(&self) -> Vec<u8> {
        self.key.serialize_der()
    }

    /// The same chain with a key that does not belong to it.
    ///
    /// # Panics
    ///
    /// There is no other key.
    #[must_use]
    pub fn with_another_key(self) -> Self {
        let key = KeyPair::generate().expect("a key");
        Self { key, ..self }
    }
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
