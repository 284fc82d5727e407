//! Bytes that were read ahead, and how an answer is cut out of them.
//!
//! It knows no stream: whoever has one says how more is read. `tcp` and `tls` share it.

/// Bytes that were read, but not yet asked for.
#[derive(Debug, Default)]
pub(crate) struct Pending(Vec<u8>);

/// Why an answer did not come about.
#[derive(Debug)]
pub(crate) enum Unread<E> {
    /// It is longer than it may be.
    TooLong,
    /// The stream was over before.
    Ended,
    /// It could not be read.
    Failed(E),
}

impl Pending {
    /// Everything that was read ahead.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes the first `most` bytes, or as many as there are.
    pub(crate) fn take(&mut self, most: usize) -> Vec<u8> {
        let count = self.0.len().min(most);
        self.0.drain(..count).collect()
    }

    /// Takes as many bytes as there are and as `buffer` has room for.
    pub(crate) fn take_into(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.0.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0.drain(..count);
        count
    }

    /// Adds what was read.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Reads until `done` says how many bytes belong to the answer, over at most `most`. `more` answers
    /// with nothing at the end of the stream.
    pub(crate) fn read_to<E>(
        &mut self,
        most: usize,
        mut done: impl FnMut(&[u8]) -> Option<usize>,
        mut more: impl FnMut() -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, Unread<E>> {
        loop {
            if let Some(count) = done(&self.0).filter(|count| *count <= most) {
                return Ok(self.take(count));
            }
            if self.0.len() >= most {
                return Err(Unread::TooLong);
            }
            let bytes = more().map_err(Unread::Failed)?;
            if bytes.is_empty() {
                return Err(Unread::Ended);
            }
            self.add(&bytes);
        }
    }
}

/// For [`Pending::read_to`]: the answer is exactly so many bytes.
pub(crate) fn exactly(count: usize) -> impl FnMut(&[u8]) -> Option<usize> {
    move |pending| (pending.len() >= count).then_some(count)
}

/// For [`Pending::read_to`]: the answer goes up to `end` and with it.
pub(crate) fn up_to(end: &[u8]) -> impl FnMut(&[u8]) -> Option<usize> {
    let mut searched = 0;
    move |pending| {
        let from = searched;
        searched = pending.len().saturating_sub(end.len().saturating_sub(1));
        Some(from + find(&pending[from..], end)? + end.len())
    }
}

/// The text of a line that ends in a line feed, without it. Bytes that are not UTF-8 are replaced.
pub(crate) fn line_text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
