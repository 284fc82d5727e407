//! `vitals probe`: requests an endpoint, for the health check of a container.
//!
//! This file does not know the endpoints.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use vitals_host::check::Text;

use super::output::{fail, print};

#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// URL of the endpoint, for example `http://127.0.0.1:8000/health/ready`.
    url: String,
    /// Timeout of the request in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    timeout: u64,
}

impl Probe {
    pub(crate) async fn run(self) -> ExitCode {
        match self.request().await {
            Ok((status, body)) if status.is_success() => {
                print(body.trim_end());
                ExitCode::SUCCESS
            }
            Ok((status, body)) => fail(&format!(
                "{} answered {status}: {}",
                self.url,
                body.trim_end()
            )),
            Err(error) => fail(&format!(
                "cannot probe {}: {}",
                self.url,
                root_cause(&error)
            )),
        }
    }

    async fn request(&self) -> Result<(reqwest::StatusCode, String), reqwest::Error> {
        let client = client_builder(&self.url).timeout(Duration::from_secs(self.timeout));
        let response = client.build()?.get(&self.url).send().await?;
        let status = response.status();
        let body = read_body(response, MAX_BODY_BYTES).await?;
        Ok((status, Text::line(&body, MAX_BODY_BYTES).into()))
    }
}

/// Returns the builder of a client for a URL.
pub(super) fn client_builder(url: &str) -> reqwest::ClientBuilder {
    #[expect(
        clippy::disallowed_methods,
        reason = "the client ignores proxies of the environment"
    )]
    let client = reqwest::Client::builder()
        .no_proxy()
        // Following a redirect could send a token to another server.
        .redirect(reqwest::redirect::Policy::none());
    if url.starts_with("http://") {
        // Without this the client can't be built on a machine without root certificates.
        client.tls_certs_only([])
    } else {
        client
    }
}

/// Reads the body of a response, up to `max_bytes` bytes.
pub(super) async fn read_body(
    mut response: reqwest::Response,
    max_bytes: usize,
) -> reqwest::Result<String> {
    let mut bytes = Vec::new();
    while bytes.len() < max_bytes
        && let Some(chunk) = response.chunk().await?
    {
        bytes.extend_from_slice(&chunk[..chunk.len().min(max_bytes - bytes.len())]);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The message of the innermost cause. The outer errors only say "error sending request".
pub(super) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The number of bytes of a response that are printed.
const MAX_BODY_BYTES: usize = 64 << 10;
