//! Who may see what of a host: requests with the token, without it, and by names that are not the
//! host's.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vitals_servers::{Response, ask};

use super::HostUnderTest;
use super::control::CONTROL;
use crate::hostile::access::PRIVATE;
use crate::hostile::case::HostileCase;

impl HostUnderTest {
    /// Where somebody without the token is shown what is for those who have it, or they are not.
    pub(super) async fn disclosures(&self, case: &HostileCase) -> Vec<String> {
        let mut faults = Vec::new();
        let check = format!("/health/checks/{}", case.name);
        let shown = ["/health", &check, "/health/tools", "/metrics"];
        for path in shown {
            let page = self.get(path).await;
            if !page.is_ok_and(|page| page.text().contains(PRIVATE)) {
                faults.push(format!("`{path}` shows too little to who has the token"));
            }
        }
        let others = [
            "/plugins",
            "/health/live",
            "/health/ready",
            "/health/startup",
        ];
        for path in shown.into_iter().chain(others).chain(["/-/reload", "/"]) {
            for token in [None, Some("another one")] {
                let page = get(self.serving.address(), path, token).await;
                let fault = match page {
                    Ok(page) if page.text().contains(PRIVATE) => "shows everybody what guests say",
                    Ok(_) => continue,
                    Err(_) => "does not answer who has no token",
                };
                faults.push(format!("`{path}` {fault}"));
                break;
            }
        }
        faults
    }
}

/// Gets a page, with a token or without.
pub(super) async fn get(
    host: SocketAddr,
    path: &str,
    token: Option<&str>,
) -> Result<Response, String> {
    let authorization = token.map(|token| format!("Bearer {token}"));
    let header = authorization.as_deref().map(|it| ("authorization", it));
    ask(host, "GET", path, header.as_slice()).await
}

/// Which of these requests the host does not refuse: the first of them, and how many there are.
pub(super) async fn answered(host: SocketAddr, requests: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    for request in requests {
        let answer = tokio::time::timeout(PATIENCE, exchange(host, request)).await;
        let answer = answer.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        let fault = match answer {
            Ok(answer) if answer.contains(CONTROL) => "is answered with a page".to_owned(),
            Ok(answer) if REFUSALS.iter().any(|refusal| answer.starts_with(refusal)) => continue,
            Ok(answer) => format!("is answered with {:?}", answer.lines().next()),
            Err(error) => format!("is not answered: {error}"),
        };
        faults.push(format!("{request:?} {fault}"));
    }
    if faults.len() > SHOWN {
        let more = faults.len() - SHOWN;
        faults.truncate(SHOWN);
        faults.push(format!("{more} more requests are answered"));
    }
    faults
}

async fn exchange(host: SocketAddr, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The host's admin token.
pub(super) const TOKEN: &str = "token-of-the-host";
/// How an answer begins that is none: the request is bad, or was not meant for this host.
const REFUSALS: [&str; 2] = ["HTTP/1.1 400 ", "HTTP/1.1 421 "];
/// Requests that are told of one by one.
const SHOWN: usize = 3;
const PATIENCE: Duration = Duration::from_secs(10);
