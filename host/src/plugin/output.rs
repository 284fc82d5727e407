//! A guest's standard output and error: the tail is kept, the rest dropped.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::check::Text;
use crate::config::Secrets;

/// The last [`TAIL_BYTES`] of what a guest wrote to either stream.
#[derive(Clone, Debug)]
pub(super) struct OutputTail {
    tail: Arc<Mutex<VecDeque<u8>>>,
    secrets: Arc<Secrets>,
}

impl OutputTail {
    /// An empty tail, of which `secrets` will not be shown.
    pub(super) fn new(secrets: Arc<Secrets>) -> Self {
        let tail = Arc::default();
        Self { tail, secrets }
    }

    /// The lines that were kept, oldest first, each cleaned.
    pub(super) fn lines(&self) -> Vec<Text> {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.is_empty() {
            return Vec::new();
        }
        let bytes: Vec<u8> = tail.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        // Before it is split and cut: a secret may have many lines, and a piece would stay.
        self.secrets
            .redact(&text)
            .lines()
            .map(|line| Text::line(line, LINE_BYTES))
            .collect()
    }

    fn push(&self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let excess = (tail.len() + bytes.len()).saturating_sub(TAIL_BYTES);
        tail.drain(..excess);
        tail.extend(bytes);
    }
}

impl StdoutStream for OutputTail {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
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

impl AsyncWrite for OutputTail {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

const TAIL_BYTES: usize = 16 << 10;
const LINE_BYTES: usize = 2 << 10;
/// What one write may hand over: GHSA-gqmc-89g8-p25r asks for at most 64 KiB.
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
        assert!(lines.iter().map(|line| line.as_str().len()).sum::<usize>() <= TAIL_BYTES);
    }
}
