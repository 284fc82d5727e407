//! A certificate as guests see it. It is untrusted: every text is bounded and cleaned, and a
//! certificate that can't be parsed has only its hash.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::contract::Certificate;
use vitals_model::Text;

/// Describes a certificate. If it can't be parsed, everything but `sha256` is empty.
pub(crate) fn describe_certificate(certificate: &CertificateDer<'_>) -> Certificate {
    let sha256 = hex::encode(Sha256::digest(certificate));
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Certificate {
            sha256,
            ..Certificate::default()
        };
    };
    Certificate {
        subject: text_line(parsed.subject(), SUBJECT_BYTES),
        issuer: text_line(parsed.issuer(), SUBJECT_BYTES),
        names: names(&parsed),
        serial: serial(parsed.raw_serial()),
        not_before: parsed.validity().not_before.timestamp(),
        not_after: parsed.validity().not_after.timestamp(),
        sha256,
        public_key_sha256: hex::encode(Sha256::digest(parsed.public_key().raw)),
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = names.value.general_names.iter();
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(text_line(name, NAME_BYTES)),
        GeneralName::IPAddress(address) => ip(address).map(|address| address.to_string()),
        _ => None,
    });
    names.take(NAMES).collect()
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

/// The serial number in hexadecimal, without the zero that DER prepends if the first bit is set.
fn serial(octets: &[u8]) -> String {
    let number = match octets {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    hex::encode(&number[..number.len().min(SERIAL_BYTES)])
}

fn text_line(text: impl std::fmt::Display, bytes: usize) -> String {
    Text::display(text, bytes).into()
}

const SUBJECT_BYTES: usize = 1 << 10;
/// The longest name that DNS allows.
const NAME_BYTES: usize = 253;
const NAMES: usize = 256;
/// Twice the length that RFC 5280, section 4.1.2.2, allows.
const SERIAL_BYTES: usize = 40;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SerialNumber, date_time_ymd};

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let names = ["a.test", "*.b.test", "192.0.2.1", "2001:db8::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(1970, 1, 2);
        params.not_after = date_time_ymd(2070, 1, 1);
        params.serial_number = Some(SerialNumber::from_slice(&[0x9a, 0x0b]));
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn a_certificate_is_described() {
        let der = certificate(|params| {
            params
                .distinguished_name
                .push(DnType::CommonName, "a\u{202e}\nb");
            params
                .distinguished_name
                .push(DnType::OrganizationName, "Orders");
        });
        let shown = describe_certificate(&der);
        assert_eq!(shown.subject, "CN=a b, O=Orders");
        assert_eq!(shown.issuer, shown.subject);
        assert_eq!(
            shown.names,
            ["a.test", "*.b.test", "192.0.2.1", "2001:db8::1"]
        );
        assert_eq!(shown.serial, "9a0b");
        assert_eq!((shown.not_before, shown.not_after), (86_400, 3_155_760_000));
        assert_eq!(shown.sha256, hex::encode(Sha256::digest(&der)));
    }

    #[test]
    fn texts_of_a_certificate_are_bounded() {
        let der = certificate(|params| {
            let many = (0..2000).map(|number| format!("{number}.test"));
            params.subject_alt_names = CertificateParams::new(many.collect::<Vec<_>>())
                .unwrap()
                .subject_alt_names;
            params
                .distinguished_name
                .push(DnType::CommonName, "x".repeat(5000));
        });
        let shown = describe_certificate(&der);
        assert_eq!(shown.names.len(), NAMES);
        assert!(shown.subject.len() <= SUBJECT_BYTES && shown.subject.ends_with('…'));
    }

    #[test]
    fn a_certificate_that_cannot_be_read_has_its_hash() {
        let shown = describe_certificate(&CertificateDer::from(b"none".to_vec()));
        assert_eq!(shown.sha256, hex::encode(Sha256::digest(b"none")));
        assert_eq!((shown.subject.as_str(), shown.not_after), ("", 0));
    }

    #[test]
    fn damaged_certificates_do_not_cause_a_panic() {
        let whole = certificate(|_| {});
        for at in 0..whole.len() {
            for damage in [
                0x00,
                0x7f,
                0x80,
                0xff,
                whole[at] ^ 1,
                whole[at].wrapping_add(1),
            ] {
                let mut bytes = whole.to_vec();
                bytes[at] = damage;
                assert_eq!(
                    describe_certificate(&CertificateDer::from(bytes))
                        .sha256
                        .len(),
                    64
                );
            }
            let cut = whole[..at].to_vec();
            assert_eq!(
                describe_certificate(&CertificateDer::from(cut))
                    .sha256
                    .len(),
                64
            );
        }
    }
}
