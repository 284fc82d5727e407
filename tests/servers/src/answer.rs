//! HTTP at wire level: one request per connection, and every byte of the response.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers in order, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// Returns the value of a header, or `None` if it is missing.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(found, _)| found == name);
        header.map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    pub fn text(&self) -> &str {
        &self.body
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    ///
    /// Panics if the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in the response {self:?}"))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let (head, body) = text
            .split_once("\r\n\r\n")
            .ok_or("the response headers do not end")?;
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers: Vec<_> = lines.filter_map(header).collect();
        let in_chunks = headers
            .iter()
            .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        Ok(Self {
            status: status.ok_or("the response has no status")?,
            headers,
            body: if in_chunks {
                joined(body)?
            } else {
                body.to_owned()
            },
        })
    }
}

/// Joins a chunked body: each chunk is a line with its length, that many bytes and a line break;
/// the last one is empty.
fn joined(mut chunks: &str) -> Result<String, String> {
    let mut body = String::new();
    loop {
        let broken = || format!("no chunk begins with {:?}", chunks.get(..40));
        let (length, rest) = chunks.split_once("\r\n").ok_or_else(broken)?;
        let length = usize::from_str_radix(length, 16).map_err(|_| broken())?;
        if length == 0 {
            return Ok(body);
        }
        body += rest.get(..length).ok_or("a chunk is cut off")?;
        chunks = rest.get(length + 2..).ok_or("a chunk has no end")?;
    }
}

/// Requests a page.
///
/// # Errors
///
/// No complete response arrives within five minutes.
pub async fn get(address: SocketAddr, path: &str) -> Result<Response, String> {
    ask(address, "GET", path, &[]).await
}

/// Sends a request without a body.
///
/// # Errors
///
/// No complete response arrives within five minutes.
pub async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Response, String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        std::io::Result::Ok(bytes)
    };
    let failed = |why: String| format!("no response to {method} {path}: {why}");
    match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(Ok(bytes)) => Response::parse(&bytes).map_err(failed),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("timed out after {TIMEOUT:?}"))),
    }
}

const TIMEOUT: Duration = Duration::from_mins(5);
