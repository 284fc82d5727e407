//! `vitals probe`: asks an endpoint, for a container's health check.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use vitals_host::check::Text;

use super::output::{fail, print};

#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// The URL, for example <http://127.0.0.1:8000/health/ready>.
    url: String,
    /// How long to wait for the answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    timeout: u64,
}

impl Probe {
    pub(crate) async fn run(self) -> ExitCode {
        match self.ask().await {
            Ok((status, body)) if status.is_success() => {
                print(body.trim_end());
                ExitCode::SUCCESS
            }
            Ok((status, body)) => fail(&format!(
                "{} answered {status}: {}",
                self.url,
                body.trim_end()
            )),
            Err(error) => fail(&format!("cannot probe {}: {}", self.url, innermost(&error))),
        }
    }

    async fn ask(&self) -> Result<(reqwest::StatusCode, String), reqwest::Error> {
        #[expect(
            clippy::disallowed_methods,
            reason = "it takes no proxy from the environment"
        )]
        let mut client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(self.timeout));
        if self.url.starts_with("http://") {
            // Else there is no client where the machine trusts nobody, as in an empty container.
            client = client.tls_certs_only([]);
        }
        let answer = client.build()?.get(&self.url).send().await?;
        let status = answer.status();
        let body = text(answer, BODY_BYTES).await?;
        Ok((status, Text::line(&body, BODY_BYTES).into()))
    }
}

/// The text of an answer, as far as so many bytes of it.
pub(super) async fn text(mut answer: reqwest::Response, limit: usize) -> reqwest::Result<String> {
    let mut bytes = Vec::new();
    while bytes.len() < limit
        && let Some(chunk) = answer.chunk().await?
    {
        bytes.extend_from_slice(&chunk[..chunk.len().min(limit - bytes.len())]);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The innermost cause says what happened; the outer layers say "error sending request".
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// How much of a page is printed.
const BODY_BYTES: usize = 64 << 10;
