//! Certificates without a valid signature, written byte by byte: they are constant, and no library would
//! make them.

use rustls::pki_types::CertificateDer;

/// The certificate of an authority, with names as text, and `stuffing` unnecessary bytes.
pub(crate) fn authority(
    subject: &[u8],
    issuer: &[u8],
    key: u32,
    stuffing: usize,
) -> CertificateDer<'static> {
    certificate(&name(subject), &name(issuer), key, stuffing)
}

/// A certificate with names as values of DER.
pub(crate) fn certificate(
    subject: &[u8],
    issuer: &[u8],
    key: u32,
    stuffing: usize,
) -> CertificateDer<'static> {
    let validity = [b"200101000000Z", b"490101000000Z"].map(|time| tlv(0x17, &[time]));
    let key = tlv(3, &[&[0, 4], &key.to_be_bytes()]);
    let mut extensions = BASIC_CONSTRAINTS.to_vec();
    while extensions.len() < stuffing {
        extensions.extend(EMPTY_EXTENSION);
    }
    let signed = tlv(
        0x30,
        &[
            &[0xa0, 3, 2, 1, 2, 2, 1, 1],
            ECDSA_SHA256,
            issuer,
            &tlv(0x30, &[&validity.concat()]),
            subject,
            &tlv(0x30, &[P256, &key]),
            &tlv(0xa3, &[&tlv(0x30, &[&extensions])]),
        ],
    );
    let no_signature = tlv(3, &[&[0; 9]]);
    tlv(0x30, &[&signed, ECDSA_SHA256, &no_signature]).into()
}

/// A name that has only a common name.
pub(crate) fn name(common: &[u8]) -> Vec<u8> {
    let value = tlv(0x0c, &[common]);
    tlv(
        0x30,
        &[&tlv(0x31, &[&tlv(0x30, &[&[6, 3, 0x55, 4, 3], &value])])],
    )
}

/// A value of DER.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let mut written = vec![tag];
    match u16::try_from(value.len())
        .expect("it is not that long")
        .to_be_bytes()
    {
        [0, length @ 0..128] => written.push(length),
        [0, length] => written.extend([0x81, length]),
        [high, low] => written.extend([0x82, high, low]),
    }
    written.extend(value);
    written
}

const ECDSA_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// An elliptic key on P-256.
const P256: &[u8] = &[
    0x30, 19, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7,
];
/// Marks an authority.
const BASIC_CONSTRAINTS: &[u8] = &[0x30, 12, 6, 3, 0x55, 0x1d, 19, 4, 5, 0x30, 3, 1, 1, 0xff];
/// An unknown extension without a value.
const EMPTY_EXTENSION: &[u8] = &[0x30, 5, 6, 1, 0x2a, 4, 0];
