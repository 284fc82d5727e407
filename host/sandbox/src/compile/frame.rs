//! The protocol over the pipes of a compiler child: a length and the file in, one reply out.
//!
//! A reply is a magic number, a tag, a length, the SHA-256 of the body, and the body.

#[cfg(any(test, feature = "compile-in-process"))]
use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

/// The kind of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// The body is the compiled code.
    Code,
    /// The file does not compile; the body is the reason.
    Refused,
    /// The child ran out of memory.
    Memory,
    /// The child compiles for another engine, which the body names.
    Version,
    /// The child could not confine itself; the body is the reason.
    Confine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplyHeader {
    pub(super) tag: Tag,
    pub(super) length: u64,
    digest: [u8; 32],
}

impl Tag {
    const ALL: [Self; 5] = [
        Self::Code,
        Self::Refused,
        Self::Memory,
        Self::Version,
        Self::Confine,
    ];

    /// The maximum size of the body in a reply for a file of `wasm_bytes` bytes.
    pub(super) fn limit(self, wasm_bytes: usize) -> u64 {
        match self {
            Self::Code => code_limit(wasm_bytes),
            _ => MAX_TEXT_BYTES as u64,
        }
    }
}

impl ReplyHeader {
    fn new(tag: Tag, body: &[u8]) -> Self {
        Self {
            tag,
            length: body.len() as u64,
            digest: Sha256::digest(body).into(),
        }
    }

    /// Whether `body` has the announced length and digest.
    pub(super) fn matches(&self, body: &[u8]) -> bool {
        *self == Self::new(self.tag, body)
    }

    #[cfg(any(test, feature = "compile-in-process"))]
    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8] = self.tag as u8;
        bytes[9..17].copy_from_slice(&self.length.to_le_bytes());
        bytes[17..].copy_from_slice(&self.digest);
        bytes
    }

    /// Parses a header. Returns `None` if the bytes are not a header.
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (&tag, rest) = rest.split_first()?;
        let (length, digest) = rest.split_first_chunk::<8>()?;
        Some(Self {
            tag: *Tag::ALL.get(usize::from(tag))?,
            length: u64::from_le_bytes(*length),
            digest: digest.try_into().ok()?,
        })
    }
}

/// The maximum size of the compiled code of a file of `wasm_bytes` bytes.
///
/// It grows with the file, so that a small file can't make the host hold much code.
pub(super) fn code_limit(wasm_bytes: usize) -> u64 {
    (wasm_bytes as u64)
        .saturating_mul(CODE_PER_BYTE)
        .saturating_add(BASE_CODE_BYTES)
        .min(MAX_CODE_BYTES)
}

#[cfg(any(test, feature = "compile-in-process"))]
pub(super) fn write_reply(to: &mut impl Write, tag: Tag, body: &[u8]) -> io::Result<()> {
    let body = match tag {
        Tag::Code => body,
        _ => &body[..body.len().min(MAX_TEXT_BYTES)],
    };
    to.write_all(&ReplyHeader::new(tag, body).to_bytes())?;
    to.write_all(body)?;
    to.flush()
}

/// Reads a request: the file.
#[cfg(any(test, feature = "compile-in-process"))]
pub(super) fn read_request(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let mut wasm = Vec::new();
    let read = from.take(length).read_to_end(&mut wasm)?;
    if (read as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(wasm)
}

/// Begins a reply, so that other output is not mistaken for one.
const MAGIC: &[u8; 8] = b"vitals\0\x01";
pub(super) const HEADER_BYTES: usize = 8 + 1 + 8 + 32;
/// The largest compiled code. An interpreter of 12 to 18 MB compiles to about 40 MB.
const MAX_CODE_BYTES: u64 = 128 << 20;
/// Compiled code is usually two to four times as large as its file.
const CODE_PER_BYTE: u64 = 16;
/// The limit for the smallest file.
const BASE_CODE_BYTES: u64 = 8 << 20;
const MAX_TEXT_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_parsed_as_it_was_written() {
        for tag in Tag::ALL {
            let mut written = Vec::new();
            write_reply(&mut written, tag, b"body").unwrap();
            let (header, body) = written.split_first_chunk::<HEADER_BYTES>().unwrap();
            let header = ReplyHeader::parse(header).unwrap();
            assert_eq!((header.tag, header.length), (tag, 4));
            assert!(header.matches(body));
            assert!(!header.matches(b"bodx"), "the digest");
            assert!(!header.matches(b"bod"), "the length");
        }
    }

    #[test]
    fn invalid_replies_are_rejected() {
        let mut written = Vec::new();
        write_reply(&mut written, Tag::Code, b"").unwrap();
        let header: [u8; HEADER_BYTES] = written.try_into().unwrap();
        for (index, value) in [(0, b'V'), (7, 2), (8, 5)] {
            let mut other = header;
            other[index] = value;
            assert_eq!(ReplyHeader::parse(&other), None, "byte {index}");
        }
    }

    #[test]
    fn a_small_file_may_not_become_much_code() {
        let limit = |wasm_bytes| Tag::Code.limit(wasm_bytes);
        assert_eq!(limit(0), 8 << 20);
        assert_eq!(limit(4 << 10), (8 << 20) + (64 << 10));
        assert_eq!(limit(64 << 20), 128 << 20);
        assert_eq!(limit(usize::MAX), 128 << 20);
        assert_eq!(Tag::Refused.limit(64 << 20), 4 << 10);
    }

    #[test]
    fn a_truncated_request_is_an_error() {
        let mut request = 5_u64.to_le_bytes().to_vec();
        request.extend(b"abcd");
        assert!(read_request(&mut request.as_slice()).is_err());
        request.extend(b"ef");
        assert_eq!(read_request(&mut request.as_slice()).unwrap(), b"abcde");
    }
}
