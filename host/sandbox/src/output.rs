//! The tail of a guest's standard output and error.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use vitals_model::{Secrets, Text};

/// The last [`TAIL_BYTES`] that a guest wrote to both streams.
#[derive(Clone, Debug)]
pub(super) struct OutputTail {
    buffer: Arc<Mutex<TailBuffer>>,
    secrets: Arc<Secrets>,
}

#[derive(Debug, Default)]
struct TailBuffer {
    bytes: VecDeque<u8>,
    /// Whether earlier output was dropped.
    is_truncated: bool,
}

impl OutputTail {
    /// An empty tail, which redacts `secrets`.
    pub(super) fn new(secrets: Arc<Secrets>) -> Self {
        let buffer = Arc::default();
        Self { buffer, secrets }
    }

    /// The cleaned lines of the tail, oldest first.
    pub(super) fn lines(&self) -> Vec<Text> {
        let buffer = self.buffer.lock();
        if buffer.bytes.is_empty() {
            return Vec::new();
        }
        let bytes: Vec<u8> = buffer.bytes.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        self.secrets
            .lines(&text, buffer.is_truncated, TAIL_BYTES, LINE_BYTES)
    }

    /// Appends to the tail. It keeps enough bytes before the tail to find a secret that extends
    /// into it.
    fn push(&self, bytes: &[u8]) {
        let room = TAIL_BYTES + self.secrets.longest();
        let mut buffer = self.buffer.lock();
        let excess = (buffer.bytes.len() + bytes.len()).saturating_sub(room);
        buffer.is_truncated |= excess > 0;
        let old = excess.min(buffer.bytes.len());
        buffer.bytes.drain(..old);
        buffer.bytes.extend(&bytes[excess - old..]);
    }
}

impl StdoutStream for OutputTail {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 writes to it, which the host does not link.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl IsTerminal for OutputTail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl OutputStream for OutputTail {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for OutputTail {
    async fn ready(&mut self) {}
}

const TAIL_BYTES: usize = 16 << 10;
const LINE_BYTES: usize = 2 << 10;
/// The maximum size of one write: GHSA-gqmc-89g8-p25r asks for at most 64 KiB.
const WRITE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_kept() {
        let tail = OutputTail::new(Arc::default());
        tail.push(&vec![b'x'; 3 * TAIL_BYTES]);
        tail.push(b"\nlast \x1b[2Jwords");
        let lines = tail.lines();
        assert_eq!(lines.last().map(Text::as_str), Some("last [2Jwords"));
        let bytes = |lines: &[Text]| {
            lines
                .iter()
                .map(|line| line.as_str().len() + 1)
                .sum::<usize>()
        };
        assert!(bytes(&lines) <= TAIL_BYTES);

        let tail = OutputTail::new(Arc::default());
        for number in 0..1000 {
            tail.push(format!("{number:039}\n").as_bytes());
        }
        let kept = bytes(&tail.lines());
        assert!((TAIL_BYTES - 100..=TAIL_BYTES).contains(&kept), "{kept}");
    }

    #[test]
    fn a_secret_that_extends_into_the_tail_is_redacted() {
        let secret = "the quick brown fox";
        for after in TAIL_BYTES - 2 * secret.len()..TAIL_BYTES + 2 * secret.len() {
            let tail = OutputTail::new(Arc::new(Secrets::new([secret])));
            let secret: String = secret.chars().flat_map(|c| [c, '\u{200b}']).collect();
            tail.push(format!("before {secret}{}", ".".repeat(after)).as_bytes());
            let lines = tail.lines();
            let [line] = &lines[..] else {
                panic!("{after}: {lines:?}");
            };
            let left = line.as_str().trim_end_matches(['.', '…']);
            let is_piece = |left: &str| left.len() > 2 && secret.ends_with(left);
            assert!(!is_piece(left) && !left.contains("fox"), "{after}: {left}");
        }
    }

    #[test]
    fn a_secret_is_found_across_writes_and_lines() {
        let tail = OutputTail::new(Arc::new(Secrets::new(["first line\nlast"])));
        for piece in ["<fir", "st\u{200b} li", "ne\r\nla", "\u{ad}st>"] {
            tail.push(piece.as_bytes());
        }
        let lines: Vec<_> = tail.lines().into_iter().map(String::from).collect();
        assert_eq!(lines, ["<[redacted]", ">"]);
    }
}
