//! What is said over the pipes of a compiling child: a length and the file in, one answer out.
//!
//! The answer is a mark, a word, a length, the SHA-256 of what follows, and what follows.

#[cfg(any(test, feature = "compile-in-process"))]
use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

/// What an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Compiled code follows.
    Code,
    /// The file does not compile; the reason follows.
    Refused,
    /// There was no memory left.
    Memory,
    /// The child compiles for something else, which follows.
    Version,
    /// The child could not confine itself; the reason follows.
    Confine,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) word: Word,
    pub(super) length: u64,
    digest: [u8; 32],
}

impl Word {
    const ALL: [Self; 5] = [
        Self::Code,
        Self::Refused,
        Self::Memory,
        Self::Version,
        Self::Confine,
    ];

    /// The most bytes that may follow, in an answer about a file of `file` bytes.
    pub(super) fn limit(self, file: usize) -> u64 {
        match self {
            Self::Code => code_limit(file),
            _ => MAX_TEXT as u64,
        }
    }
}

impl Head {
    fn of(word: Word, body: &[u8]) -> Self {
        Self {
            word,
            length: body.len() as u64,
            digest: Sha256::digest(body).into(),
        }
    }

    /// Whether `body` is what was announced.
    pub(super) fn fits(&self, body: &[u8]) -> bool {
        *self == Self::of(self.word, body)
    }

    #[cfg(any(test, feature = "compile-in-process"))]
    fn to_bytes(self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..8].copy_from_slice(MARK);
        bytes[8] = self.word as u8;
        bytes[9..17].copy_from_slice(&self.length.to_le_bytes());
        bytes[17..].copy_from_slice(&self.digest);
        bytes
    }

    /// Nothing where the bytes are no head.
    pub(super) fn parse(bytes: &[u8; HEAD]) -> Option<Self> {
        let rest = bytes.strip_prefix(MARK)?;
        let (&word, rest) = rest.split_first()?;
        let (length, digest) = rest.split_first_chunk::<8>()?;
        Some(Self {
            word: *Word::ALL.get(usize::from(word))?,
            length: u64::from_le_bytes(*length),
            digest: digest.try_into().ok()?,
        })
    }
}

/// The most bytes of compiled code that a file of `file` bytes may become.
///
/// It grows with the file, so that a small one can't make the host hold much.
pub(super) fn code_limit(file: usize) -> u64 {
    (file as u64)
        .saturating_mul(CODE_PER_BYTE)
        .saturating_add(CODE_OF_ANY)
        .min(MAX_CODE)
}

/// Writes an answer.
#[cfg(any(test, feature = "compile-in-process"))]
pub(super) fn answer(to: &mut impl Write, word: Word, body: &[u8]) -> io::Result<()> {
    let body = match word {
        Word::Code => body,
        _ => &body[..body.len().min(MAX_TEXT)],
    };
    to.write_all(&Head::of(word, body).to_bytes())?;
    to.write_all(body)?;
    to.flush()
}

/// Reads a question: the file.
#[cfg(any(test, feature = "compile-in-process"))]
pub(super) fn question(from: &mut impl Read) -> io::Result<Vec<u8>> {
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

/// Begins an answer, so that nothing else that a program prints is taken for one.
const MARK: &[u8; 8] = b"vitals\0\x01";
/// The length of a head.
pub(super) const HEAD: usize = 8 + 1 + 8 + 32;
/// The largest compiled code. That of an interpreter of 12 to 18 MB has some 40 MB.
const MAX_CODE: u64 = 128 << 20;
/// Compiled code is two to four times as large as the file that it is made of.
const CODE_PER_BYTE: u64 = 16;
/// What the code of the smallest file may have.
const CODE_OF_ANY: u64 = 8 << 20;
const MAX_TEXT: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        for word in Word::ALL {
            let mut written = Vec::new();
            answer(&mut written, word, b"body").unwrap();
            let (head, body) = written.split_first_chunk::<HEAD>().unwrap();
            let head = Head::parse(head).unwrap();
            assert_eq!((head.word, head.length), (word, 4));
            assert!(head.fits(body));
            assert!(!head.fits(b"bodx"), "the digest");
            assert!(!head.fits(b"bod"), "the length");
        }
    }

    #[test]
    fn what_is_no_answer_is_not_taken_for_one() {
        let mut written = Vec::new();
        answer(&mut written, Word::Code, b"").unwrap();
        let head: [u8; HEAD] = written.try_into().unwrap();
        for (index, value) in [(0, b'V'), (7, 2), (8, 5)] {
            let mut other = head;
            other[index] = value;
            assert_eq!(Head::parse(&other), None, "byte {index}");
        }
    }

    #[test]
    fn a_small_file_may_not_become_much_code() {
        let limit = |file| Word::Code.limit(file);
        assert_eq!(limit(0), 8 << 20);
        assert_eq!(limit(4 << 10), (8 << 20) + (64 << 10));
        assert_eq!(limit(64 << 20), 128 << 20);
        assert_eq!(limit(usize::MAX), 128 << 20);
        assert_eq!(Word::Refused.limit(64 << 20), 4 << 10);
    }

    #[test]
    fn a_question_cut_short_is_none() {
        let mut asked = 5_u64.to_le_bytes().to_vec();
        asked.extend(b"abcd");
        assert!(question(&mut asked.as_slice()).is_err());
        asked.extend(b"ef");
        assert_eq!(question(&mut asked.as_slice()).unwrap(), b"abcde");
    }
}
