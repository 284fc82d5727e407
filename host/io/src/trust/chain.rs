//! Bounds on a server's certificate chain, and its verification within these bounds.
//!
//! The verifier searches for a path from the server's certificate to a trusted root. It tries every
//! certificate of the chain as the issuer of every other one, in up to 200,000 steps, and parses
//! all of them in each step. So the steps are counted here before the search begins. Within the
//! bounds verification takes at most 10 ms in a release build. Only a server whose key a trusted
//! root has signed can make it take a few 100 ms, because the verifier checks up to 100 signatures.

use std::sync::Arc;

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, OtherError, RootCertStore};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Why a chain is not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The chain has too many certificates.
    #[error("its chain has {0} certificates, the limit is {MAX_CERTIFICATES}")]
    Certificates(usize),
    /// The chain is too large.
    #[error("its chain has {0} bytes, the limit is {MAX_BYTES}")]
    Bytes(usize),
    /// The chain has too many possible paths to a root.
    #[error(
        "its chain has more than {MAX_STEPS} possible paths to a root, which the host does not \
         search"
    )]
    Steps,
}

impl From<ChainError> for Error {
    fn from(error: ChainError) -> Self {
        CertificateError::Other(OtherError(Arc::new(error))).into()
    }
}

/// Checks the number and the size of a chain's certificates.
pub fn check_size(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Result<(), ChainError> {
    let certificates = 1 + intermediates.len();
    if certificates > MAX_CERTIFICATES {
        return Err(ChainError::Certificates(certificates));
    }
    let bytes = leaf.len() + intermediates.iter().map(|one| one.len()).sum::<usize>();
    if bytes > MAX_BYTES {
        return Err(ChainError::Bytes(bytes));
    }
    Ok(())
}

/// The certificates that a server's chain may lead to.
#[derive(Debug)]
pub struct TrustStore {
    /// Those that may sign others, including the machine's.
    pub(super) roots: RootCertStore,
    /// Those that the operator named. A server may show one of them as its own, which need not be
    /// marked as an authority's then.
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

impl TrustStore {
    /// Trusts these certificates, and no others. What can't be parsed is ignored.
    pub fn of(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        Self {
            roots,
            certificates,
        }
    }

    /// The number of roots.
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }
}

/// Verifies that a chain leads to a certificate of `store`, and that `leaf` is valid for `name` if
/// there is one.
pub fn verify(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    name: Option<&ServerName<'_>>,
    store: &TrustStore,
    now: UnixTime,
) -> Result<(), Error> {
    check_size(leaf, intermediates)?;
    let parsed = ParsedCertificate::try_from(leaf)?;
    if store.certificates.contains(leaf) {
        check_validity(leaf, now)?;
    } else {
        if !is_search_bounded(leaf, intermediates) {
            return Err(ChainError::Steps.into());
        }
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &store.roots,
            intermediates,
            now,
            algorithms().all,
        )?;
    }
    name.map_or(Ok(()), |name| verify_server_name(&parsed, name))
}

/// Checks the validity period of a certificate.
fn check_validity(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let validity = parsed.validity();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < validity.not_before.timestamp() {
        Err(CertificateError::NotValidYet)
    } else if now > validity.not_after.timestamp() {
        Err(CertificateError::Expired)
    } else {
        Ok(())
    }
}

/// Whether the search for a path through a chain ends soon, whatever the certificates contain.
///
/// The count equals the steps of the verifier for a chain in which every certificate may issue
/// others and none leads to a root.
fn is_search_bounded(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> bool {
    // The verifier ignores what it can't parse.
    let parsable = |der: &&CertificateDer<'_>| ParsedCertificate::try_from(*der).is_ok();
    let links = intermediates.iter().filter(parsable).map(Link::of);
    let links: Vec<Link<'_>> = links.collect();
    let mut remaining = MAX_STEPS;
    count_steps(&mut vec![&Link::of(leaf)], &links, &mut remaining)
}

fn count_steps<'a>(
    path: &mut Vec<&'a Link<'a>>,
    links: &'a [Link<'a>],
    remaining: &mut u32,
) -> bool {
    for link in links {
        let is_next = path.last().is_some_and(|last| last.may_be_issued_by(link));
        if !is_next || path.iter().any(|other| other.is(link)) {
            continue;
        }
        let Some(fewer) = remaining.checked_sub(1) else {
            return false;
        };
        *remaining = fewer;
        if path.len() <= MAX_INTERMEDIATES {
            path.push(link);
            let is_search_bounded = count_steps(path, links, remaining);
            path.pop();
            if !is_search_bounded {
                return false;
            }
        }
    }
    true
}

/// The fields that link a certificate to its issuer, if they can be parsed.
struct Link<'a>(Option<Names<'a>>);

struct Names<'a> {
    subject: &'a [u8],
    issuer: &'a [u8],
    key: &'a [u8],
}

impl<'a> Link<'a> {
    fn of(der: &'a CertificateDer<'_>) -> Self {
        let parsed = X509Certificate::from_der(der).ok();
        Self(parsed.map(|(_, certificate)| {
            let certificate = certificate.tbs_certificate;
            Names {
                subject: certificate.subject.as_raw(),
                issuer: certificate.issuer.as_raw(),
                key: certificate.subject_pki.raw,
            }
        }))
    }

    fn may_be_issued_by(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(names), Some(others)) => names.issuer == others.subject,
            // The verifier may be able to read what this parser can't.
            _ => true,
        }
    }

    /// Whether the verifier treats both as the same authority.
    fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(names), Some(others)) => {
                names.subject == others.subject && names.key == others.key
            }
            _ => std::ptr::eq(self, other),
        }
    }
}

/// The signature algorithms that certificates and handshakes may use.
pub(super) fn algorithms() -> WebPkiSupportedAlgorithms {
    ring::default_provider().signature_verification_algorithms
}

pub(super) const MAX_CERTIFICATES: usize = 16;
pub(super) const MAX_BYTES: usize = 32 << 10;
/// The maximum number of search steps. A chain whose certificates are each issued by the next takes
/// one step per intermediate; cross-signed certificates multiply them.
const MAX_STEPS: u32 = 256;
/// The maximum number of intermediates in a path that the verifier considers.
const MAX_INTERMEDIATES: usize = 6;

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    /// A certificate of `subject` that names `issuer` as its issuer, with a signature of neither.
    fn linked(subject: &str, issuer: &str) -> CertificateDer<'static> {
        let params = |name: &str| {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let issuer = Issuer::new(params(issuer), KeyPair::generate().unwrap());
        let key = KeyPair::generate().unwrap();
        params(subject)
            .signed_by(&key, &issuer)
            .unwrap()
            .der()
            .clone()
    }

    fn verified(chain: &[CertificateDer<'_>]) -> String {
        let name = ServerName::try_from("web.test").unwrap();
        let store = TrustStore::of(Vec::new());
        let [leaf, intermediates @ ..] = chain else {
            panic!("no certificate");
        };
        let verified = verify(leaf, intermediates, Some(&name), &store, UnixTime::now());
        format!("{:?}", verified.unwrap_err())
    }

    #[test]
    fn a_chain_of_certificates_that_issue_each_other_is_rejected() {
        let mut tangled = vec![linked("leaf", "x")];
        tangled.extend((0..15).map(|_| linked("x", "x")));
        let verified = verified(&tangled);
        assert!(verified.contains("Steps"), "{verified}");
        // Copies count once, and invalid certificates do not count.
        let mut copied = vec![linked("leaf", "x")];
        copied.extend(vec![linked("x", "x"); 10]);
        copied.extend(vec![CertificateDer::from(&b"none"[..]); 5]);
        assert!(is_search_bounded(&copied[0], &copied[1..]));
        // As many as real servers send when authorities cross-sign each other.
        let mut crossed = vec![linked("leaf", "a")];
        for (subject, issuer) in [
            ("a", "b"),
            ("a", "c"),
            ("b", "c"),
            ("c", "b"),
            ("b", "b"),
            ("c", "c"),
        ] {
            crossed.push(linked(subject, issuer));
        }
        assert!(is_search_bounded(&crossed[0], &crossed[1..]));
    }

    #[test]
    fn steps_are_counted_as_the_verifier_takes_them() {
        // Layers of two: 2 + 4 + … + 128 steps. The seventh layer is the maximum depth of a path.
        let mut layers = vec![linked("leaf", "0")];
        for layer in 0..7 {
            let (subject, issuer) = (layer.to_string(), (layer + 1).to_string());
            layers.extend((0..2).map(|_| linked(&subject, &issuer)));
        }
        assert!(is_search_bounded(&layers[0], &layers[1..]));
        layers.push(linked("6", "7"));
        assert!(!is_search_bounded(&layers[0], &layers[1..]));
    }

    #[test]
    fn a_server_may_show_a_certificate_that_the_operator_named() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["web.test".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(2100, 1, 1);
        let leaf = params.self_signed(&key).unwrap().der().clone();
        let verified = |store: &TrustStore, name: &str, seconds: u64| {
            let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
            let name = ServerName::try_from(name.to_owned()).unwrap();
            let verified = verify(&leaf, &[], Some(&name), store, now);
            verified.map_err(|error| format!("{error:?}"))
        };
        let named = TrustStore::of(vec![leaf.clone()]);
        let (during, after) = (1_800_000_000, 4_200_000_000);
        assert_eq!(verified(&named, "web.test", during), Ok(()));
        assert!(
            verified(&named, "other.test", during)
                .unwrap_err()
                .contains("NotValidForName")
        );
        assert!(
            verified(&named, "web.test", after)
                .unwrap_err()
                .contains("Expired")
        );
        let others = TrustStore::of(vec![linked("x", "x")]);
        assert!(verified(&others, "web.test", during).is_err());
    }

    #[test]
    fn the_size_of_a_chain_is_limited() {
        let one = CertificateDer::from(vec![0; MAX_BYTES / 2]);
        let held = |rest: &[CertificateDer<'_>]| check_size(&one, rest);
        assert_eq!(held(std::slice::from_ref(&one)), Ok(()));
        assert_eq!(
            held(&[one.clone(), CertificateDer::from(vec![0])]),
            Err(ChainError::Bytes(MAX_BYTES + 1))
        );
        let small = CertificateDer::from(vec![0]);
        let mut many = vec![small.clone(); MAX_CERTIFICATES - 1];
        assert_eq!(check_size(&small, &many), Ok(()));
        many.push(small.clone());
        assert_eq!(
            check_size(&small, &many),
            Err(ChainError::Certificates(MAX_CERTIFICATES + 1))
        );
    }
}
