//! The running host that a command asks over HTTP: where it is, and with which token.
//!
//! Knows no page; the token is never printed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use url::Url;
use vitals_host::check::Text;
use vitals_host::config::{Secret, Sources};

use super::configuration::load;
use super::probe::{innermost, text};

/// Where a command finds the host that it is about.
#[derive(Debug, Args)]
pub(super) struct Running {
    /// Where the host is, for example <http://127.0.0.1:8000>. Default: where the configuration
    /// lets it listen. The admin token is `VITALS_ADMIN_TOKEN`, or that of the configuration.
    #[arg(long, value_name = "URL", value_parser = |text: &str| base(text).map(Box::new))]
    url: Option<Box<Url>>,
}

/// A host that can be asked.
pub(super) struct Door {
    url: Url,
    token: Option<Secret>,
}

impl Running {
    /// Finds the host and the token.
    pub(super) fn find(self, file: Option<PathBuf>) -> Result<Door, String> {
        // Where both are said, a configuration that can't be read is in nobody's way.
        if let Some(url) = &self.url {
            let environment = Sources::process(None).environment;
            if let Ok(Some(token)) = environment.text(TOKEN) {
                let (url, token) = (Url::clone(url), Some(token.into()));
                return Ok(Door { url, token });
            }
        }
        let Ok((config, _)) = load(file, Vec::new()) else {
            return Err(format!(
                "cannot tell from this configuration where the host is and what its token is; \
                 mend it, or say both with `--url` and {TOKEN}"
            ));
        };
        let url = match self.url {
            Some(url) => *url,
            None => listening(config.server.listen)?,
        };
        let token = config.server.admin_token;
        Ok(Door { url, token })
    }
}

impl Door {
    /// Asks a page and answers what it says, where that is a success; else why not, and what to do.
    pub(super) async fn ask(
        &self,
        method: Method,
        page: &str,
        parameters: &[(&str, &str)],
        patience: Option<Duration>,
    ) -> Result<Value, String> {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(page.split('/'));
        }
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        let asked = self.exchange(method, url, patience).await;
        let (status, body) = asked.map_err(|error| {
            format!(
                "cannot ask a host at {}: {}; is `vitals serve` running there? `--url` says where \
                 else to ask",
                self.url,
                innermost(&error)
            )
        })?;
        let parsed = serde_json::from_str(&body);
        match parsed {
            Ok(answer) if status.is_success() => Ok(answer),
            Err(error) if status.is_success() => Err(format!(
                "what {} answers is no page of a host: {error}; does `--url` lead to one?",
                self.url
            )),
            parsed => Err(self.refused(status, page, &parsed.unwrap_or_default(), &body)),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        url: Url,
        patience: Option<Duration>,
    ) -> Result<(StatusCode, String), reqwest::Error> {
        // A redirect would take the token to somebody else.
        #[expect(
            clippy::disallowed_methods,
            reason = "it takes no proxy from the environment"
        )]
        let mut client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIME);
        if url.scheme() == "http" {
            // As for a probe.
            client = client.tls_certs_only([]);
        }
        let mut request = client.build()?.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(patience) = patience {
            request = request.timeout(patience);
        }
        let answer = request.send().await?;
        let status = answer.status();
        Ok((status, text(answer, ANSWER_BYTES).await?))
    }

    fn refused(&self, status: StatusCode, page: &str, answer: &Value, body: &str) -> String {
        let url = &self.url;
        let reason = Text::line(answer["error"].as_str().unwrap_or(body), REASON_BYTES);
        match status {
            StatusCode::UNAUTHORIZED if self.token.is_none() => format!(
                "the host at {url} wants the admin token, and there is none here; set {TOKEN}, or \
                 `server.admin_token` in the configuration"
            ),
            StatusCode::UNAUTHORIZED => format!(
                "the host at {url} does not take this token; set {TOKEN}, or `server.admin_token` \
                 in the configuration, to the one that the host runs with"
            ),
            StatusCode::FORBIDDEN => format!("the host at {url} refuses: {reason}"),
            StatusCode::NOT_FOUND => format!(
                "there is no /{page} at {url}: {reason}; `--url` says where a host of this version \
                 is, without the path of a page"
            ),
            status => format!("the host at {url} answered {status}: {reason}"),
        }
    }
}

/// Where to ask a host that listens there.
fn listening(mut listen: SocketAddr) -> Result<Url, String> {
    if listen.port() == 0 {
        return Err(format!(
            "cannot tell where the host is: with `server.listen` {listen} it listens on any port \
             that is free; say with `--url` what its log says"
        ));
    }
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    base(&format!("http://{listen}"))
}

fn base(text: &str) -> Result<Url, String> {
    match text.parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err("write for example http://127.0.0.1:8000".into()),
    }
}

const TOKEN: &str = "VITALS_ADMIN_TOKEN";
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// The longest answer that is read; a host with ten thousand checks answers with a few MiB.
const ANSWER_BYTES: usize = 64 << 20;
/// How much is shown of what a host gives as its reason.
const REASON_BYTES: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_listens_everywhere_is_asked_here() {
        for (listen, url) in [
            ("127.0.0.1:8000", "http://127.0.0.1:8000/"),
            ("192.0.2.1:80", "http://192.0.2.1/"),
            ("0.0.0.0:8000", "http://127.0.0.1:8000/"),
            ("[::]:8000", "http://[::1]:8000/"),
        ] {
            let found = listening(listen.parse().unwrap()).map(String::from);
            assert_eq!(found.as_deref(), Ok(url), "{listen}");
        }
        assert!(listening("127.0.0.1:0".parse().unwrap()).is_err());
    }

    #[test]
    fn only_a_url_leads_to_a_host() {
        assert!(base("https://vitals.example.com/below").is_ok());
        for text in [
            "",
            "127.0.0.1:8000",
            "localhost:8000",
            "ftp://example.com",
            "http://",
        ] {
            assert!(base(text).is_err(), "{text}");
        }
    }
}
