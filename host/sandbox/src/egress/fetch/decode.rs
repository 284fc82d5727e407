//! Content codings. Decoding runs on a thread of its own, produces no more than what is wanted, and
//! needs at most the memory of its window.

use std::fmt;
use std::io::{self, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderValue;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// A content coding (RFC 9110, section 8.4.1; RFC 7932; RFC 8878).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// A decoded body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    /// Whether there is more.
    pub(super) is_cut: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum DecodeError {
    /// The deadline is over.
    Late,
    Invalid,
    /// The body needs a larger window than the host has for it.
    Window,
}

impl Coding {
    /// The one coding of a body. A body in several, which is rare, is left as it is.
    pub(super) fn of<'v>(values: impl IntoIterator<Item = &'v HeaderValue>) -> Option<Self> {
        let mut values = values.into_iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        match value.to_str().ok()?.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Decodes at most `max` bytes. With `is_cut`, `bytes` are only the beginning of the body.
    pub(super) fn decode(
        self,
        bytes: &[u8],
        is_cut: bool,
        max: u64,
        is_late: impl Fn() -> bool,
    ) -> Result<Decoded, DecodeError> {
        match self {
            Self::Gzip => read(MultiGzDecoder::new(bytes), is_cut, max, is_late),
            // Servers send either, whatever the name says.
            Self::Deflate if has_zlib_header(bytes) => {
                read(ZlibDecoder::new(bytes), is_cut, max, is_late)
            }
            Self::Deflate => read(DeflateDecoder::new(bytes), is_cut, max, is_late),
            Self::Brotli => read(Brotli::new(bytes), is_cut, max, is_late),
            Self::Zstd => match Zstd::new(bytes) {
                Ok(decoder) => read(decoder, is_cut, max, is_late),
                Err(_) if is_cut => Ok(Decoded {
                    bytes: Vec::new(),
                    is_cut,
                }),
                Err(FrameDecoderError::WindowSizeTooBig { .. }) => Err(DecodeError::Window),
                Err(_) => Err(DecodeError::Invalid),
            },
        }
    }
}

/// As the header names it.
impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        })
    }
}

/// Decodes Brotli with windows of up to 16 MiB. The reader of the crate also takes the large windows
/// that are not part of RFC 7932, up to 1 GiB.
struct Brotli<'b> {
    bytes: &'b [u8],
    offset: usize,
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
}

impl<'b> Brotli<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        let alloc = StandardAlloc::default;
        Self {
            bytes,
            offset: 0,
            state: BrotliState::new_strict(alloc(), alloc(), alloc()),
        }
    }
}

impl Read for Brotli<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (mut available_in, mut available_out) = (self.bytes.len() - self.offset, buffer.len());
        let (mut written, mut total) = (0, 0);
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut self.offset,
            self.bytes,
            &mut available_out,
            &mut written,
            buffer,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => Err(io::ErrorKind::InvalidData.into()),
            BrotliResult::NeedsMoreInput if written == 0 => {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            _ => Ok(written),
        }
    }
}

/// Decodes Zstandard frames, one after the other (RFC 8878, section 3).
struct Zstd<'b>(StreamingDecoder<&'b [u8], FrameDecoder>);

impl<'b> Zstd<'b> {
    fn new(mut bytes: &'b [u8]) -> Result<Self, FrameDecoderError> {
        loop {
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(MAX_WINDOW);
            let error = match StreamingDecoder::new_with_decoder(bytes, decoder) {
                Ok(decoder) => return Ok(Self(decoder)),
                Err(error) => error,
            };
            bytes = after_skippable_frame(bytes, &error).ok_or(error)?;
        }
    }
}

impl Read for Zstd<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        let bytes = *self.0.get_ref();
        if count > 0 || bytes.is_empty() {
            return Ok(count);
        }
        let mut rest = bytes;
        if let Err(error) = self.0.decoder.init(&mut rest) {
            rest = after_skippable_frame(bytes, &error).ok_or(io::ErrorKind::InvalidData)?;
        }
        *self.0.get_mut() = rest;
        // A body may consist of empty frames: the caller looks at the deadline.
        Err(io::ErrorKind::Interrupted.into())
    }
}

/// What follows a frame that is to be skipped, if `error` says that the first one of `bytes` is.
fn after_skippable_frame<'b>(bytes: &'b [u8], error: &FrameDecoderError) -> Option<&'b [u8]> {
    let FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. }) =
        error
    else {
        return None;
    };
    let length = usize::try_from(*length).ok()?;
    bytes.get(SKIPPABLE_HEADER_BYTES.checked_add(length)?..)
}

fn read(
    mut decoder: impl Read,
    is_cut: bool,
    max: u64,
    is_late: impl Fn() -> bool,
) -> Result<Decoded, DecodeError> {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    loop {
        if is_late() {
            return Err(DecodeError::Late);
        }
        let start = bytes.len();
        // One byte beyond the limit distinguishes the end of the body from a longer one.
        let wanted = (max - start).saturating_add(1).min(CHUNK);
        bytes.resize(start + wanted, 0);
        match decoder.read(&mut bytes[start..]) {
            Ok(0) => {
                bytes.truncate(start);
                return Ok(Decoded { bytes, is_cut });
            }
            Ok(count) => bytes.truncate(start + count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => bytes.truncate(start),
            // The rest was not received.
            Err(_) if is_cut => {
                bytes.truncate(start);
                return Ok(Decoded { bytes, is_cut });
            }
            Err(_) => return Err(DecodeError::Invalid),
        }
        if bytes.len() > max {
            bytes.truncate(max);
            return Ok(Decoded {
                bytes,
                is_cut: true,
            });
        }
    }
}

/// Whether a body begins as RFC 1950, section 2.2, says.
fn has_zlib_header(bytes: &[u8]) -> bool {
    match bytes {
        [method, flags, ..] => {
            method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0
        }
        _ => false,
    }
}

const CHUNK: usize = 64 << 10;
/// What RFC 9659 demands of a client.
const MAX_WINDOW: u64 = 8 << 20;
/// The magic number and the length of a skippable frame.
const SKIPPABLE_HEADER_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// What Brotli makes of 100 times `{"up": true}`.
    const BROTLI: &[u8] =
        b"\x1b\xaf\x04\xf8\x1d\x09\xd9\x99\xcc\x6d\x74\x51\x1c\x90\x37\xbe\x06\x11\xa9\
        \xdb\xd3\x3a\x70\x72\x74\xaa\xac\x2f\x0c\x8c\x05\xf4\x62\x53\xb8\x04";

    fn decode(coding: Coding, bytes: &[u8], is_cut: bool) -> Result<Decoded, DecodeError> {
        coding.decode(bytes, is_cut, 1 << 20, || false)
    }

    #[test]
    fn brotli_is_decoded_up_to_what_is_wanted() {
        let whole = decode(Coding::Brotli, BROTLI, false).unwrap();
        assert!(whole.bytes == b"{\"up\": true}".repeat(100) && !whole.is_cut);
        let cut = Coding::Brotli.decode(BROTLI, false, 5, || false).unwrap();
        assert!(cut.bytes == b"{\"up\"" && cut.is_cut);
    }

    #[test]
    fn a_window_beyond_the_standard_is_refused() {
        // Large windows begin with 0x11; this one asks for 1 GiB.
        let large = b"\x11\x1e\x00\x00\x00\x00\x00\x00";
        assert_eq!(
            decode(Coding::Brotli, large, false),
            Err(DecodeError::Invalid)
        );
    }

    #[test]
    fn every_frame_of_a_zstandard_body_is_decoded() {
        // A raw block of one byte, the last of its frame; its content has a known size of one.
        let frame = |byte| [0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 0x09, 0, 0, byte];
        let skipped: &[u8] = b"\x50\x2a\x4d\x18\x02\0\0\0ab";
        let body = [skipped, &frame(b'u'), &frame(b'p'), skipped, &frame(b'!')].concat();
        let whole = decode(Coding::Zstd, &body, false).unwrap();
        assert!(whole.bytes == b"up!" && !whole.is_cut, "{whole:?}");
        let foul = [&frame(b'u')[..], b"up"].concat();
        assert_eq!(
            decode(Coding::Zstd, &foul, false),
            Err(DecodeError::Invalid)
        );
    }

    #[test]
    fn what_was_received_of_a_body_is_decoded() {
        let empty = decode(Coding::Brotli, b"\x06", false).unwrap();
        assert!(empty.bytes.is_empty() && !empty.is_cut);
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd] {
            let cut = decode(coding, b"\x28", true).unwrap();
            assert!(cut.bytes.is_empty() && cut.is_cut, "{coding}");
            assert!(decode(coding, b"\x28", false).is_err(), "{coding}");
        }
    }

    #[test]
    fn decoding_ends_at_the_deadline() {
        let late = Coding::Gzip.decode(b"\x1f\x8b", false, 10, || true);
        assert_eq!(late, Err(DecodeError::Late));
    }
}
