//! Chains of certificates, as a TLS server may send them.

use vitals_host::fuzzing;

use super::laws;
use crate::der;

pub(super) fn run(input: &[u8]) {
    let chain = certificates(input);
    let found = fuzzing::verify(&chain, der::authority(ROOT, ROOT, 99, 0).to_vec());
    let bytes: usize = chain.iter().map(Vec::len).sum();
    assert_eq!(
        found.is_refused,
        chain.len() > 16 || bytes > 32 << 10,
        "{} certificates of {bytes} bytes",
        chain.len()
    );
    assert!(found.untrusted.is_some(), "nobody has signed any of it");
    for text in found.untrusted.iter().chain(&found.shown) {
        laws::clean("a text about a chain", text);
        assert!(text.len() <= 1 << 10, "{} bytes of text", text.len());
    }
    assert!(
        found.shown.len() <= 16 * (4 + 256),
        "{} texts",
        found.shown.len()
    );
}

/// The parts between the marks.
fn certificates(input: &[u8]) -> Vec<Vec<u8>> {
    let (mut chain, mut rest) = (Vec::new(), input);
    let mark = |rest: &[u8]| rest.windows(MARK.len()).position(|part| part == MARK);
    while let Some(at) = mark(rest) {
        chain.push(rest[..at].to_vec());
        rest = &rest[at + MARK.len()..];
    }
    chain.push(rest.to_vec());
    chain
}

const MARK: &[u8] = b"\0-\0";
const ROOT: &[u8] = b"root";

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let authority = |subject: &[u8], issuer: &[u8], key| der::authority(subject, issuer, key, 0);
    let straight = vec![
        authority(b"a", b"b", 1),
        authority(b"b", b"c", 2),
        authority(b"c", ROOT, 3),
    ];
    let tangled = (0..15).map(|key| authority(b"x", b"x", key)).collect();
    let rooted = (0..15).map(|key| authority(ROOT, ROOT, key)).collect();
    let stuffed = (0..15)
        .map(|key| der::authority(b"x", b"x", key, 1900))
        .collect();
    let leaf = der::certificate(&der::name(b"web.test"), &der::name(b"x"), 7, 0);
    [straight, tangled, rooted, stuffed]
        .into_iter()
        .map(|chain: Vec<_>| {
            let chain = std::iter::once(&leaf).chain(&chain);
            chain.map(|one| one.to_vec()).collect::<Vec<_>>().join(MARK)
        })
        .collect()
}
