//! Messages for TLS errors: why a server is not trusted, and what broke a handshake.

use std::fmt::Write as _;

use rustls::pki_types::CertificateDer;
use rustls::{AlertDescription, CertificateError, InvalidMessage};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use vitals_model::Text;

/// Explains why a chain is not trusted. `leaf` is its first certificate, if the caller has it;
/// `roots` is the number of trusted roots.
pub fn verification_error(
    reason: &CertificateError,
    leaf: Option<&CertificateDer<'_>>,
    roots: usize,
) -> String {
    let mut text = match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".into()
        }
        CertificateError::UnknownIssuer if leaf.is_some_and(is_self_signed) => NOT_A_ROOT.into(),
        CertificateError::UnknownIssuer => "its issuer is not among the trusted roots".into(),
        CertificateError::BadSignature => "its issuer did not sign it".into(),
        CertificateError::Revoked => "it was revoked".into(),
        CertificateError::BadEncoding => "it cannot be read".into(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for servers".into()
        }
        CertificateError::UnhandledCriticalExtension => {
            "it has a critical extension that is not understood".into()
        }
        CertificateError::Other(other) => match other.to_string().as_str() {
            // It would be trusted as a root, although it is marked as a certificate authority's.
            "CaUsedAsEndEntity" if leaf.is_some_and(is_self_signed) => NOT_A_ROOT.into(),
            "CaUsedAsEndEntity" => {
                "it is marked as a certificate authority, which a server's certificate must not \
                 be"
                .into()
            }
            other => split_words(other),
        },
        other => split_words(Text::display(other, MAX_TEXT_BYTES).as_str()),
    };
    if roots == 0 {
        text.push_str("; the host has no trusted roots");
    }
    Text::line(&text, MAX_TEXT_BYTES).into()
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| {
        certificate.subject().as_raw() == certificate.issuer().as_raw()
    })
}

/// Explains why a server could not prove that it holds the key of `leaf`, if the key is the reason:
/// the host rejects RSA keys below 2048 bits.
pub fn weak_key_error(leaf: &CertificateDer<'_>) -> Option<String> {
    let (_, leaf) = X509Certificate::from_der(leaf).ok()?;
    match leaf.public_key().parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() < MIN_RSA_BITS => Some(format!(
            "the server's certificate has an RSA key of {} bits, and the host accepts none below \
             {MIN_RSA_BITS}",
            key.key_size()
        )),
        _ => None,
    }
}

/// Explains what broke a TLS handshake or connection.
pub fn protocol_error(error: &rustls::Error) -> String {
    use rustls::Error;
    let text = match error {
        Error::AlertReceived(alert) => alert_text(*alert),
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "the server does not hold the key of its certificate".to_owned()
        }
        Error::InvalidCertificate(reason) => {
            let reason = verification_error(reason, None, usize::MAX);
            format!("the server's certificate cannot be used: {reason}")
        }
        Error::NoCertificatesPresented => "the server showed no certificate".to_owned(),
        Error::PeerIncompatible(reason) => {
            let reason = split_words(&format!("{reason:?}"));
            format!("the server and the host have no TLS parameters in common: {reason}")
        }
        Error::PeerMisbehaved(reason) => {
            let reason = split_words(&format!("{reason:?}"));
            format!("the server broke the protocol: {reason}")
        }
        Error::InvalidMessage(
            InvalidMessage::CertificatePayloadTooLarge | InvalidMessage::HandshakePayloadTooLarge,
        ) => "the server's certificates are larger than the 64 KiB that the host takes".to_owned(),
        Error::InvalidMessage(reason) => {
            let reason = split_words(&format!("{reason:?}"));
            format!("what the server sent is not TLS: {reason}")
        }
        Error::PeerSentOversizedRecord => "the server sent a record that is too large".to_owned(),
        Error::Other(reason) => reason.to_string(),
        Error::DecryptError => "what the server sent cannot be decrypted".to_owned(),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the server sent an unexpected message".to_owned()
        }
        other => return Text::display(other, MAX_TEXT_BYTES).into(),
    };
    Text::line(&text, MAX_TEXT_BYTES).into()
}

/// Explains an alert of the server (RFC 8446, section 6).
fn alert_text(alert: AlertDescription) -> String {
    let name = match alert {
        AlertDescription::UnknownCA => "unknown authority".to_owned(),
        _ => split_words(&format!("{alert:?}")),
    };
    let mut text = format!(
        "the server refused with the alert {} ({name})",
        u8::from(alert)
    );
    match alert {
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            text.push_str(
                "; it may have no cipher in common with the host, or require a client certificate",
            );
        }
        AlertDescription::ProtocolVersion => {
            text.push_str("; it supports neither TLS 1.2 nor 1.3");
        }
        AlertDescription::UnrecognisedName => text.push_str("; it does not know that name"),
        // A server has no other certificate to judge.
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA => {
            text.push_str("; it does not accept the client certificate");
        }
        AlertDescription::CertificateRequired => {
            text.push_str(
                "; it requires a client certificate: define one in `[tls.identities]`, and name it \
                 in the check's settings",
            );
        }
        _ => {}
    }
    text
}

/// Turns `NoCipherSuitesInCommon` into `no cipher suites in common`; text with spaces stays as it
/// is.
fn split_words(name: &str) -> String {
    if name.contains(' ') {
        return name.to_owned();
    }
    let mut text = String::with_capacity(name.len() + 8);
    for (at, character) in name.char_indices() {
        if character.is_ascii_uppercase() && at > 0 {
            text.push(' ');
        }
        write!(text, "{}", character.to_ascii_lowercase()).ok();
    }
    text
}

const NOT_A_ROOT: &str = "it is self-signed, and not among the trusted roots";
const MIN_RSA_BITS: usize = 2048;
const MAX_TEXT_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use rustls::OtherError;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn errors_of_the_library_become_messages() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Named(&'static str);
        let other = |name| CertificateError::Other(OtherError(std::sync::Arc::new(Named(name))));
        assert_eq!(
            verification_error(&other("CaUsedAsEndEntity"), None, 1),
            "it is marked as a certificate authority, which a server's certificate must not be"
        );
        let authority = CertificateDer::from_pem_slice(WEAK.as_bytes()).unwrap();
        assert_eq!(
            verification_error(&other("CaUsedAsEndEntity"), Some(&authority), 1),
            NOT_A_ROOT
        );
        assert_eq!(
            verification_error(&other("PathLenConstraintViolated"), None, 1),
            "path len constraint violated"
        );
        assert_eq!(
            verification_error(&CertificateError::Revoked, None, 0),
            "it was revoked; the host has no trusted roots"
        );
    }

    #[test]
    fn a_short_rsa_key_is_explained() {
        let weak = CertificateDer::from_pem_slice(WEAK.as_bytes()).unwrap();
        assert_eq!(
            weak_key_error(&weak).as_deref(),
            Some(
                "the server's certificate has an RSA key of 1024 bits, and the host accepts none \
                 below 2048"
            )
        );
        let good = rcgen::generate_simple_self_signed(["web.test".to_owned()]).unwrap();
        assert_eq!(weak_key_error(good.cert.der()), None);
    }

    /// Made by `openssl req -x509 -newkey rsa:1024`; the key was deleted.
    const WEAK: &str = "\
-----BEGIN CERTIFICATE-----
MIICBDCCAW2gAwIBAgIUS4z4bewaqQUul92exeVUAE0nK9swDQYJKoZIhvcNAQEL
BQAwFDESMBAGA1UEAwwJd2Vhay50ZXN0MB4XDTI2MTEyMDE0MjUxNloXDTM2MTEx
NzE0MjUxNlowFDESMBAGA1UEAwwJd2Vhay50ZXN0MIGfMA0GCSqGSIb3DQEBAQUA
A4GNADCBiQKBgQC0Sekq/o86hnnDR8q/cU+Vk8mnqZLQsRwxyX3Kdegv5atPCsaI
3MknLuCWrUGvDOMVZm8vZ4tXzDpR+mMxKcb6AoLHk/liEhoZYxyeFw81pRj803V9
S4/TMTa1UiilIXp5lCeqb/JVitU9WbOICQNN4yF+wIdaxgviIyW24G3mYwIDAQAB
o1MwUTAdBgNVHQ4EFgQU4A9iOLXKD/te+2cVSx6Zw5lIdRUwHwYDVR0jBBgwFoAU
4A9iOLXKD/te+2cVSx6Zw5lIdRUwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0B
AQsFAAOBgQBShzFZf5/9SDObS9C4w//kRQMS7jNJDpyQuWrqfN2bjgB0fmwJo1m4
U4k8wpCTWZwVFm8Votw7C+lVQ36/xBZN1g6+dhap1cmQfLCNhKmE3TForQyhsteO
tFEgkQ5ON7r77Mfu97B9d8cnRnjemh1lIXiW6fV+LQz/JqogrHnARg==
-----END CERTIFICATE-----";
}
