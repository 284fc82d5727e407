//! The HTTP client for a running host: finds its URL and the admin token, and sends requests.
//!
//! This file does not know any endpoint, and never prints the token.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;
use vitals_host::check::Text;
use vitals_host::config::{Secret, Sources};

use super::configuration::load;
use super::probe::{client_builder, read_body, root_cause};

/// Options that select a running host.
#[derive(Debug, Args)]
pub(super) struct HostOptions {
    /// URL of the host, for example `http://127.0.0.1:8000` [default: `server.listen` of the
    /// configuration]. The admin token comes from `VITALS_ADMIN_TOKEN` or `server.admin_token`.
    #[arg(long, value_name = "URL", value_parser = |text: &str| parse_url(text).map(Box::new))]
    url: Option<Box<Url>>,
}

/// A client for one host.
pub(super) struct HostClient {
    url: Url,
    token: Option<Secret>,
}

impl HostOptions {
    /// Makes a client with the URL and the token of the options, the environment or the
    /// configuration.
    pub(super) fn client(self, file: Option<PathBuf>) -> Result<HostClient, String> {
        // With both URL and token given, the configuration is not needed and may have errors.
        if let Some(url) = &self.url {
            let environment = Sources::process(None).environment;
            if let Ok(Some(token)) = environment.text(TOKEN) {
                let (url, token) = (Url::clone(url), Some(token.into()));
                return Ok(HostClient { url, token });
            }
        }
        let Ok((config, _)) = load(file, Vec::new()) else {
            return Err(format!(
                "cannot find the URL and the token of the host, because the configuration has errors; \
                 correct it, or set both `--url` and {TOKEN}"
            ));
        };
        let url = match self.url {
            Some(url) => *url,
            None => url_of_listener(config.server.listen)?,
        };
        let token = config.server.admin_token;
        Ok(HostClient { url, token })
    }
}

impl HostClient {
    /// Sends a request and returns the JSON of a successful response. An error says what to do.
    pub(super) async fn request(
        &self,
        method: Method,
        path: &str,
        parameters: &[(&str, &str)],
        timeout: Option<Duration>,
    ) -> Result<Value, String> {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        let response = self.send(method, url, timeout).await;
        let (status, body) = response.map_err(|error| {
            format!(
                "cannot reach a host at {}: {}; start `vitals serve` there, or set `--url` to the \
                 URL of the host",
                self.url,
                root_cause(&error)
            )
        })?;
        let parsed = serde_json::from_str(&body);
        match parsed {
            Ok(response) if status.is_success() => Ok(response),
            Err(error) if status.is_success() => Err(format!(
                "cannot read the response of {} as one of a vitals host: {error}; set `--url` to the URL \
                 of the host",
                self.url
            )),
            parsed => Err(self.error(status, path, &parsed.unwrap_or_default(), &body)),
        }
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        timeout: Option<Duration>,
    ) -> Result<(StatusCode, String), reqwest::Error> {
        let client = client_builder(url.as_str()).connect_timeout(CONNECT_TIME);
        let mut request = client.build()?.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        let response = request.send().await?;
        let status = response.status();
        Ok((status, read_body(response, MAX_RESPONSE_BYTES).await?))
    }

    /// The message for a response that is not successful.
    fn error(&self, status: StatusCode, path: &str, response: &Value, body: &str) -> String {
        let url = &self.url;
        let reason = Text::line(response["error"].as_str().unwrap_or(body), MAX_REASON_BYTES);
        match status {
            StatusCode::UNAUTHORIZED if self.token.is_none() => format!(
                "the host at {url} requires the admin token; set {TOKEN}, or `server.admin_token` in the \
                 configuration"
            ),
            StatusCode::UNAUTHORIZED => format!(
                "the host at {url} rejects the admin token; set {TOKEN}, or `server.admin_token` in the \
                 configuration, to the token of the host"
            ),
            StatusCode::FORBIDDEN => format!("the host at {url} rejects the request: {reason}"),
            StatusCode::NOT_FOUND => format!(
                "there is no /{path} at {url}: {reason}; set `--url` to the URL of a host of this version, \
                 without a path"
            ),
            status => format!("the host at {url} answered {status}: {reason}"),
        }
    }
}

/// The URL of a host on this machine that listens on an address.
fn url_of_listener(mut listen: SocketAddr) -> Result<Url, String> {
    if listen.port() == 0 {
        return Err(format!(
            "cannot find the URL of the host: with `server.listen` {listen} it listens on any free \
             port; set `--url` to the address in its log"
        ));
    }
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    parse_url(&format!("http://{listen}"))
}

fn parse_url(text: &str) -> Result<Url, String> {
    match text.parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err("write for example http://127.0.0.1:8000".into()),
    }
}

const TOKEN: &str = "VITALS_ADMIN_TOKEN";
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// The number of bytes of a response that are read. A host with ten thousand checks sends a few
/// MiB.
const MAX_RESPONSE_BYTES: usize = 64 << 20;
/// The number of bytes that are printed of the reason in an error response.
const MAX_REASON_BYTES: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_host_on_all_addresses_is_a_loopback_address() {
        for (listen, url) in [
            ("127.0.0.1:8000", "http://127.0.0.1:8000/"),
            ("192.0.2.1:80", "http://192.0.2.1/"),
            ("0.0.0.0:8000", "http://127.0.0.1:8000/"),
            ("[::]:8000", "http://[::1]:8000/"),
        ] {
            let found = url_of_listener(listen.parse().unwrap()).map(String::from);
            assert_eq!(found.as_deref(), Ok(url), "{listen}");
        }
        assert!(url_of_listener("127.0.0.1:0".parse().unwrap()).is_err());
    }

    #[test]
    fn only_http_urls_are_parsed() {
        assert!(parse_url("https://vitals.example.com/below").is_ok());
        for text in [
            "",
            "127.0.0.1:8000",
            "localhost:8000",
            "ftp://example.com",
            "http://",
        ] {
            assert!(parse_url(text).is_err(), "{text}");
        }
    }
}
