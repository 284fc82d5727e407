//! A client's identity in TLS: a certificate with its chain, and its key, read from PEM files.
//!
//! It is the operator's. No text of this module contains anything of a key.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::protocol_error;
use crate::regular_file::{self, ReadError};

/// A certificate with its chain, and its key. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// Reads the PEM files of a certificate and its key. One file may hold both. Blocks.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let of_certificate = |problem| IdentityError::new("certificate", certificate, problem);
        let of_key = |problem| IdentityError::new("key", key, problem);
        let chain = read_pem(certificate)
            .and_then(|pem| certificates(&pem))
            .map_err(of_certificate)?;
        let private_key = read_pem(key)
            .and_then(|pem| private_key(&pem))
            .map_err(of_key)?;
        let provider = ring::default_provider();
        let signing_key = provider
            .key_provider
            .load_private_key(private_key)
            .map_err(|_| of_key(Problem::UnknownKey))?;
        let pair = CertifiedKey::new(chain, signing_key);
        match pair.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Self(Arc::new(pair)))
            }
            Err(Error::InconsistentKeys(_)) => {
                Err(of_key(Problem::OtherKey(certificate.to_owned())))
            }
            Err(error) => Err(of_certificate(Problem::Invalid(protocol_error(&error)))),
        }
    }

    /// The pair as the TLS library uses it.
    pub fn certified_key(&self) -> &Arc<CertifiedKey> {
        &self.0
    }
}

/// Compares the chains. The key belongs to the first certificate.
impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.0.cert == other.0.cert
    }
}

impl Eq for Identity {}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificates", &self.0.cert.len())
            .finish_non_exhaustive()
    }
}

/// Why the files are no identity.
#[derive(Debug, thiserror::Error)]
#[error("its `{key}` {} {problem}", .path.display())]
pub struct IdentityError {
    /// The key of the configuration that names the file: `certificate` or `key`.
    key: &'static str,
    path: PathBuf,
    problem: Problem,
}

impl IdentityError {
    fn new(key: &'static str, path: &Path, problem: Problem) -> Self {
        Self {
            key,
            path: path.to_owned(),
            problem,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("cannot be read: {0}")]
    Unread(io::Error),
    // The library's text could quote the file.
    #[error("is not PEM: its sections cannot be decoded")]
    Pem,
    #[error("holds no certificate: write the certificate and its chain there in PEM form")]
    NoCertificate,
    #[error("cannot be used: {0}")]
    Invalid(String),
    #[error("holds no private key: write it there in PEM form")]
    NoKey,
    #[error("holds an encrypted key: write it there without a passphrase")]
    EncryptedKey,
    #[error(
        "holds a key that cannot be used: write one for RSA of 2048 to 8192 bits, ECDSA with P-256 \
         or P-384, or Ed25519"
    )]
    UnknownKey,
    #[error(
        "does not belong to the certificate in {}: name two files that belong together", .0.display()
    )]
    OtherKey(PathBuf),
}

fn read_pem(path: &Path) -> Result<Vec<u8>, Problem> {
    regular_file::read(path, MAX_PEM_BYTES).map_err(|error| {
        Problem::Unread(match error {
            ReadError::Io(error) => error,
            error => io::Error::other(error),
        })
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|_| Problem::Pem)?;
    if chain.is_empty() {
        return Err(Problem::NoCertificate);
    }
    Ok(chain)
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, Problem> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound if is_encrypted(pem) => Problem::EncryptedKey,
        pem::Error::NoItemsFound => Problem::NoKey,
        _ => Problem::Pem,
    })
}

fn is_encrypted(pem: &[u8]) -> bool {
    String::from_utf8_lossy(pem).contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
}

const MAX_PEM_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    use super::*;

    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn write(&self, name: &str, content: &str) -> PathBuf {
            let path = self.0.path().join(name);
            fs::write(&path, content).unwrap();
            path
        }

        fn error(&self, certificate: &Path, key: &Path) -> String {
            let error = Identity::read(certificate, key).unwrap_err().to_string();
            error.replace(&format!("{}/", self.0.path().display()), "")
        }
    }

    fn certificate(key: &KeyPair) -> String {
        let params = CertificateParams::new(["client.test".to_owned()]).unwrap();
        params.self_signed(key).unwrap().pem()
    }

    #[test]
    fn a_certificate_and_its_key_are_read_from_two_files_or_one() {
        let files = Files::new();
        for key in [
            KeyPair::generate().unwrap(),
            KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(),
            KeyPair::generate_for(&PKCS_ED25519).unwrap(),
        ] {
            let (certificate, key) = (certificate(&key), key.serialize_pem());
            let both = files.write("both.pem", &format!("{key}\n{certificate}\n{certificate}"));
            let two = Identity::read(
                &files.write("cert.pem", &certificate),
                &files.write("key.pem", &key),
            );
            let one = Identity::read(&both, &both).unwrap();
            assert_eq!(one.certified_key().cert.len(), 2);
            assert_ne!(one, two.unwrap(), "the chain is another one");
            assert_eq!(one, Identity::read(&both, &both).unwrap());
            assert_eq!(format!("{one:?}"), "Identity { certificates: 2, .. }");
        }
    }

    #[test]
    fn keys_in_older_forms_are_read() {
        let files = Files::new();
        let certificate = files.write("cert.pem", RSA_CERTIFICATE);
        let key = files.write("pkcs1.pem", RSA_PKCS1);
        Identity::read(&certificate, &key).unwrap();
        let certificate = files.write("ec.pem", EC_CERTIFICATE);
        let key = files.write("sec1.pem", EC_SEC1);
        Identity::read(&certificate, &key).unwrap();
    }

    #[test]
    fn errors_name_the_key_of_the_configuration_and_the_file() {
        let files = Files::new();
        let key = KeyPair::generate().unwrap();
        let certificate = files.write("cert.pem", &certificate(&key));
        let other = files.write("other.pem", &KeyPair::generate().unwrap().serialize_pem());
        let key = files.write("key.pem", &key.serialize_pem());
        let missing = Path::new("/nowhere/x.pem");
        for (certificate, key, expected) in [
            (
                missing,
                &*key,
                "its `certificate` /nowhere/x.pem cannot be read: No such file or directory (os \
                 error 2)",
            ),
            (
                &certificate,
                missing,
                "its `key` /nowhere/x.pem cannot be read: No such file or directory (os error 2)",
            ),
            (
                Path::new("/dev/null"),
                &key,
                "its `certificate` /dev/null cannot be read: it is not a regular file",
            ),
            (
                &key,
                &key,
                "its `certificate` key.pem holds no certificate: write the certificate and its chain \
                 there in PEM form",
            ),
            (
                &certificate,
                &certificate,
                "its `key` cert.pem holds no private key: write it there in PEM form",
            ),
            (
                &certificate,
                &other,
                "its `key` other.pem does not belong to the certificate in cert.pem: name two files \
                 that belong together",
            ),
        ] {
            assert_eq!(files.error(certificate, key), expected);
        }
        for (section, text, expected) in [
            (
                "ENCRYPTED PRIVATE KEY",
                "AAAA",
                "holds an encrypted key: write it there without a passphrase",
            ),
            (
                "PRIVATE KEY",
                "AAAA",
                "holds a key that cannot be used: write one for RSA of 2048 to 8192 bits, ECDSA with \
                 P-256 or P-384, or Ed25519",
            ),
            (
                "PRIVATE KEY",
                "hunter2!",
                "is not PEM: its sections cannot be decoded",
            ),
        ] {
            let odd = format!("-----BEGIN {section}-----\n{text}\n-----END {section}-----\n");
            let odd = files.write("odd.pem", &odd);
            let error = files.error(&certificate, &odd);
            assert_eq!(error, format!("its `key` odd.pem {expected}"));
        }
    }

    /// Made by `openssl req -x509 -newkey rsa:2048`, for this test only.
    const RSA_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIDDzCCAfegAwIBAgIUD37ruZ0enDFAsOQDc3qoFrldBPEwDQYJKoZIhvcNAQEL
BQAwFjEUMBIGA1UEAwwLY2xpZW50LnRlc3QwIBcNMjYxMjAxMTQwNDEzWhgPMjEy
NjExMDcxNDA0MTNaMBYxFDASBgNVBAMMC2NsaWVudC50ZXN0MIIBIjANBgkqhkiG
9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvhfsAIyRszeC3M1THDqjKmlYUEme2iI3STbF
o4NMpgciTfY/LRGkSvmVuizS6ganeec8YRkBoJtRBfTO7dxxKz4o6N00laEbI6m2
ddGQ8IR+J/b0idCa/nWCLnRoVNdMHN9xwkFu9XCv6XCRcbq9gptSul8fzpci1K0f
/uwNNpow3+YUmWBh9OTQZnnC4gqpIVBxeWae7gavv7QCM3j/vRZi49wRc9QJp+bX
qT/5FcJvOHIKBKzIi2ifdHRPBYatLPnqppPvnHll9xoaEL7sdVoQyZk8kf3FTdnx
TAK5XU2KqZELfHwJB9NwejIfblcCL8IctmN6YidbQeOpFDAT4QIDAQABo1MwUTAd
BgNVHQ4EFgQUA/Uh8uJjkp870jXCnI+lYr8xNTMwHwYDVR0jBBgwFoAUA/Uh8uJj
kp870jXCnI+lYr8xNTMwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOC
AQEAvBEgToc/zqvMW+ebVCTQepIY6WMrzhF43/Z2p8KD+nvbFo9X2flSPHkffUNh
B5wosfd3MoZS8nXm6/tnRVPDo/84nRQaV7cTKlcvMT9Qhj2gmhEbVYpxdPpVzfil
oh74Rdu+Du7Z/BAzp7cMBQkdTCOg9WxrzJjBPJGMnCYg+UX3RFWRni+EUyRoHvIB
zfW30eb1QHnvmFtic3m6d/Tq4ToUMEzRfaYUMmSUi2PzSotzF8v9nx2GjTpZnLkQ
sHXZyWkn/4jHhuKtMYOdvr3TIEAx9UUorDgIOrgjXz5NqSo2fY0cK8bkJY+gK9c9
YPsEdneYGXckNxjTqqNcDaYQzA==
-----END CERTIFICATE-----";
    const RSA_PKCS1: &str = "\
-----BEGIN RSA PRIVATE KEY-----
MIIEpAIBAAKCAQEAvhfsAIyRszeC3M1THDqjKmlYUEme2iI3STbFo4NMpgciTfY/
LRGkSvmVuizS6ganeec8YRkBoJtRBfTO7dxxKz4o6N00laEbI6m2ddGQ8IR+J/b0
idCa/nWCLnRoVNdMHN9xwkFu9XCv6XCRcbq9gptSul8fzpci1K0f/uwNNpow3+YU
mWBh9OTQZnnC4gqpIVBxeWae7gavv7QCM3j/vRZi49wRc9QJp+bXqT/5FcJvOHIK
BKzIi2ifdHRPBYatLPnqppPvnHll9xoaEL7sdVoQyZk8kf3FTdnxTAK5XU2KqZEL
fHwJB9NwejIfblcCL8IctmN6YidbQeOpFDAT4QIDAQABAoIBABHD4Q+tE2nFEJML
kk6TUU/jn/gC5Vhb9cA/IOnW2bkzdfqEvqM64JiMKjjHux9ZZ1nuaRdm8567nS8a
EaOrpBznNoIKuEEamRN0ZyOsJehAbZzVCMX/a5jHyRaH1P9GzqttG2/M1y6TbTE7
DrCrA856rxjRToLrX3syQcj8bQCy7xo6cOcqXvF5eZHLPbU2R6eOzx44d5ro9bKQ
+pH+c7F848ffc3ma3GsdUbfEuA4nBKPXC5vkKRB01nJvvrTLvZNfRq3FqPXuN0kf
biWawgSWkt4SubVpJ4PO8HC27/FiQh9sRp3eG2LB/Oi0Ktddh3JRxJiCvab6utlb
B+i6WZECgYEA/9R2+t0u+XdO5NDmy/8zXBTqw6zwVpNiY4x5OxYBg3iorhhInjm9
rVaa471DwGfZVrdHCO15bftObyFL95aLQztrFFyvSOzfSuOPrYj6p+7a354NlQaU
6u9zZt98dqHGFVlVrBEY3Ubn97AGpwq0PHpzqlF4JOX2W32Y0wipkIkCgYEAvjhF
RB0MLCF87GYG2SYoF0WpVNojAhZCFvLn+JLCqTvN5xZyXPpPn1SkGb64lvrraelP
OVpWVGyZbL4GrZOkDT4AZioc4U2m/cXBu1lH/4t6NaWR3tuoAyeDAUTfw4IPN3db
1l6ZMbck+ngjht7nBnWGVXVnohyi8lNEIIHSopkCgYEAxr1nMLtjIqlswJUItrEq
VP5q4lgW3Srh5DPceeo+gsPZRmXXBBQXJfGBoioF2BLU5Gi85lKVYrs3010qhsyM
o04lgUv/X8ekL6lYlJc1IgCMR+ug4YSba2dZXzF+nypNl4gu5dziVAQhcGluwZWv
Lsxxzn47t25uU+TeNBMmpwECgYBMU5Xvm9w7hQB0dwf+cCIcHHaytojfmIDSZouQ
IYt8jqOzOz2Oc14pp7PlJLM62dpGeDiy4b3MSHtTt/hEA/8K1Tshw3otKZR9NbHj
9BJAxv21swcSLn9/LIaTpshG0dQ7RGiUXwcHfN6YpkZTIvP+kn/hoKeB1A3KQIEQ
ricP2QKBgQDZoJfd5VpXbASNTcACIvGnmaq+J3Ov4HjVyBbQlJ0FLi42WItVuE6E
eco5JUEDNyiy5g0FuQe/GsRrqcUh18A4a/QT2JQwGObkQo0hBWFiZcU/rpTpPUmz
ioDGE9j4XZQitsimufA6FFLBWn5Zt5fCjCdysGi0lnzeol3NnWl40g==
-----END RSA PRIVATE KEY-----";
    /// Made by `openssl ecparam -name prime256v1 -genkey`, for this test only.
    const EC_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBgzCCASmgAwIBAgIUQFoQ9hnsJ2IU2ZGs306UEMZwcHYwCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLY2xpZW50LnRlc3QwIBcNMjYxMjAxMTQwNDEzWhgPMjEyNjEx
MDcxNDA0MTNaMBYxFDASBgNVBAMMC2NsaWVudC50ZXN0MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEAzGUoUpAYwNOPw7bLeiUOaGoifWw8KM0+7la1AlfIMoW6r/V
kXw5R0fH3GHTyZAImha3EFHK2fBV+ahtPep+LqNTMFEwHQYDVR0OBBYEFLWZryV7
1VTmMQcKkN/GGQalUFWNMB8GA1UdIwQYMBaAFLWZryV71VTmMQcKkN/GGQalUFWN
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAMgYuOxXTbdt0DMH
vLm/pAjzUY209PJgllzZRCh4Z6ePAiB5TvFBEQYCR41DCEQSf0UTlilMNzq/ltKG
MYpotSS+dg==
-----END CERTIFICATE-----";
    const EC_SEC1: &str = "\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIC1Cap0hEBX7UhFBRGk+g/tuqAiCjyYSkM3MNs7/W+N9oAoGCCqGSM49
AwEHoUQDQgAEAzGUoUpAYwNOPw7bLeiUOaGoifWw8KM0+7la1AlfIMoW6r/VkXw5
R0fH3GHTyZAImha3EFHK2fBV+ahtPep+Lg==
-----END EC PRIVATE KEY-----";
}
