//! The opening handshake: the HTTP request that asks for a WebSocket, and the response to it
//! (RFC 6455, section 4). It must not know what is exchanged afterwards.

use tungstenite::handshake::client::{Response, generate_key, generate_request};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse as _;
use tungstenite::http::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use tungstenite::http::{HeaderMap, Request, StatusCode};
use vitals_sdk::prelude::*;

use crate::stream::Stream;
use crate::{CHARS_SHOWN, Settings};

/// The endpoint.
pub(crate) struct Target {
    /// The URL by the address to connect to, which messages show.
    pub(crate) url: Url,
    /// The root of the server by its name.
    server: Url,
}

impl Target {
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let (address, path) = (&settings.address, &settings.path);
        if !path.starts_with('/') {
            return Err(Error::new("`path` does not begin with `/`"));
        }
        let scheme = if settings.tls { "wss" } else { "ws" };
        let url = format!("{scheme}://{address}{path}").parse();
        let server = match &settings.host {
            None => address.to_string(),
            Some(host) => {
                let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
                let host = if is_bare_ipv6 {
                    &format!("[{host}]")
                } else {
                    host
                };
                let server: Result<Address, _> = format!("{host}:{}", address.port()).parse();
                server
                    .map_err(|_| {
                        Error::new("`host` is not a name or an IP address without a port")
                    })?
                    .to_string()
            }
        };
        Ok(Self {
            url: url.context("`path` is not valid")?,
            server: format!("{scheme}://{server}")
                .parse()
                .context("`host` is not valid")?,
        })
    }

    /// Returns the name that the certificate must be valid for.
    pub(crate) fn name(&self) -> &str {
        self.server.host()
    }

    /// Makes an error that names the endpoint.
    pub(crate) fn error(&self, problem: &str) -> Error {
        Error::new(format_args!("{}: {problem}", self.url))
    }
}

/// A request for a WebSocket.
pub(crate) struct Upgrade {
    request: Vec<u8>,
    key: String,
}

impl Upgrade {
    /// Makes the request. A setting that is not valid in it is an error.
    pub(crate) fn new(settings: &Settings, target: &Target) -> Result<Self> {
        let mut request = Request::new(());
        *request.uri_mut() = target
            .url
            .path_and_query()
            .parse()
            .map_err(|_| Error::new("`path` is not valid"))?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        for (name, value) in &settings.headers {
            insert_custom(headers, settings, name, value)?;
        }
        if let Some(origin) = &settings.origin {
            headers.insert(ORIGIN, header_value("`origin`", origin)?);
        }
        if !settings.protocols.is_empty() {
            if let Some(wrong) = settings.protocols.iter().find(|name| !is_token(name)) {
                let wrong = shortened(wrong, CHARS_SHOWN);
                return Err(Error::new(format_args!(
                    "`protocols` contains `{wrong}`, which is not a name of a subprotocol"
                )));
            }
            let names = settings.protocols.join(", ");
            headers.insert(SEC_WEBSOCKET_PROTOCOL, header_value("`protocols`", &names)?);
        }
        headers.insert(HOST, header_value("`host`", &target.server.authority())?);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, header_value("the key", &generate_key())?);
        let (request, key) = generate_request(request)
            .map_err(|_| Error::new("the settings do not make a valid request"))?;
        Ok(Self { request, key })
    }

    /// Sends the request and judges the response. Returns the subprotocol that the server selected.
    pub(crate) fn run(
        self,
        stream: &mut Stream,
        target: &Target,
        settings: &Settings,
    ) -> Result<Option<String>> {
        stream.send(&self.request)?;
        let head = match stream.read_until(b"\r\n\r\n", HEAD_LIMIT) {
            Ok(head) => head,
            Err(error) => {
                return Err(match other_protocol(&stream.received(HEAD_LIMIT)) {
                    Some(problem) => target.error(&problem),
                    None => error.context("no response to the opening handshake received"),
                });
            }
        };
        let response = parsed(&head).ok_or_else(|| {
            let invalid = || format!("the server's response is not valid HTTP: `{}`", line(&head));
            target.error(&other_protocol(&head).unwrap_or_else(invalid))
        })?;
        let headers = response.headers();
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(target.error(&refusal(target, response.status(), headers)));
        }
        violation(headers, &self.key)
            .map_or_else(|| selected(headers, &settings.protocols), Err)
            .map_err(|problem| target.error(&problem))
    }
}

/// Adds a header of the settings. An error never shows its value.
fn insert_custom(
    headers: &mut HeaderMap,
    settings: &Settings,
    name: &str,
    value: &str,
) -> Result<()> {
    let shown = shortened(name, CHARS_SHOWN);
    let wrong = |why: &str| Error::new(format_args!("`headers` contains `{shown}`, {why}"));
    let key = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| wrong("which is not the name of a header"))?;
    let own = [HOST, CONNECTION, UPGRADE];
    if own.contains(&key) || key.as_str().starts_with("sec-websocket-") {
        return Err(wrong(
            "which the check sets by itself: see `host` and `protocols`",
        ));
    }
    if key == ORIGIN && settings.origin.is_some() {
        return Err(wrong("but `origin` is set too"));
    }
    headers.insert(key, header_value(&format!("the header `{shown}`"), value)?);
    Ok(())
}

fn header_value(what: &str, text: &str) -> Result<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| Error::new(format_args!("{what} contains a line break or the like")))
}

/// Parses the head of a response.
fn parsed(head: &[u8]) -> Option<Response> {
    // Some proxies refuse requests in this version, which the parser does not accept.
    let old = head.strip_prefix(b"HTTP/1.0 ");
    let rewritten = old.map(|rest| [b"HTTP/1.1 ", rest].concat());
    let (_, response) = Response::try_parse(rewritten.as_deref().unwrap_or(head)).ok()??;
    Some(response)
}

/// Describes what a server sent that does not speak HTTP.
fn other_protocol(bytes: &[u8]) -> Option<String> {
    const HTTP: &[u8] = b"HTTP/";
    match bytes {
        [] => None,
        // An alert, or another record of TLS.
        [0x14..=0x17, 3, ..] => {
            Some("the server speaks TLS at this address (set `tls = true`)".to_owned())
        }
        _ if bytes.starts_with(HTTP) || HTTP.starts_with(bytes) => None,
        _ => Some(format!(
            "the server does not speak HTTP: it sent `{}`",
            line(bytes)
        )),
    }
}

/// Returns why the server does not open the WebSocket.
fn refusal(target: &Target, status: StatusCode, headers: &HeaderMap) -> String {
    let reason = status.canonical_reason().unwrap_or_default();
    let shown = format!("{} {reason}", status.as_u16());
    let shown = shown.trim_end();
    if status.is_success() {
        return format!("this is no WebSocket endpoint: the server responded with {shown}");
    }
    if let Some(location) = text(headers, "location").filter(|_| status.is_redirection()) {
        let leads_to = redirect_target(&target.url, location);
        return format!("the server responded with {shown}, which leads to {leads_to}");
    }
    let hint = match status {
        StatusCode::UPGRADE_REQUIRED | StatusCode::BAD_REQUEST => {
            match text(headers, "sec-websocket-version") {
                Some(versions) if !has_token(headers, "sec-websocket-version", "13") => {
                    let versions = shortened(versions, CHARS_SHOWN);
                    format!(" (it supports only version {versions} of the protocol)")
                }
                _ if status == StatusCode::UPGRADE_REQUIRED => {
                    " (a proxy may have removed the header `upgrade`)".to_owned()
                }
                _ => String::new(),
            }
        }
        _ => String::new(),
    };
    format!("the server refused the opening handshake: {shown}{hint}")
}

/// Returns where a redirect leads, without what may be a secret.
fn redirect_target(url: &Url, location: &str) -> String {
    if let Ok(url) = url.join(location) {
        return url.to_string();
    }
    let path = location.split(['?', '#']).next().unwrap_or_default();
    format!("`{}`", shortened(path, CHARS_SHOWN))
}

/// Returns how the headers of a response with the status 101 violate the protocol.
fn violation(headers: &HeaderMap, key: &str) -> Option<String> {
    for (name, token) in [("upgrade", "websocket"), ("connection", "upgrade")] {
        if !has_token(headers, name, token) {
            return Some(format!(
                "the server's response has no header `{name}: {token}`"
            ));
        }
    }
    if text(headers, "sec-websocket-accept") != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return Some(
            "the header `sec-websocket-accept` of the server's response does not belong to the \
             request"
                .to_owned(),
        );
    }
    let extension = text(headers, "sec-websocket-extensions").filter(|text| !text.is_empty())?;
    Some(format!(
        "the server uses the extension `{}`, which was not requested",
        shortened(extension, CHARS_SHOWN)
    ))
}

/// Returns the selected subprotocol, which must be one of those requested.
fn selected(headers: &HeaderMap, requested: &[String]) -> Result<Option<String>, String> {
    match text(headers, "sec-websocket-protocol") {
        None if requested.is_empty() => Ok(None),
        None => Err(format!(
            "the server selected none of the subprotocols: {}",
            requested.join(", ")
        )),
        Some(name) if requested.iter().any(|own| own == name) => Ok(Some(name.to_owned())),
        Some(name) => Err(format!(
            "the server selected the subprotocol `{}`, which was not requested",
            shortened(name, CHARS_SHOWN)
        )),
    }
}

/// Returns the text of a header.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Returns whether one of the comma-separated values of a header is this token.
fn has_token(headers: &HeaderMap, name: &str, token: &str) -> bool {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

/// Returns whether a text is a token (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// Returns the first line, to show.
fn line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    shortened(text.lines().next().unwrap_or_default(), CHARS_SHOWN)
}

const AGENT: &str = concat!("vitals/", env!("CARGO_PKG_VERSION"));
/// The number of bytes in the head of the response.
const HEAD_LIMIT: usize = 16 << 10;
