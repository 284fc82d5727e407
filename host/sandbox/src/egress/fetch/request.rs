//! One request of an exchange, and what a guest may ask for.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, TE, TRANSFER_ENCODING,
    USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use http_body_util::Full;
use url::Url;
use wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;

use super::error::{invalid, shown};
use crate::contract::{HttpError, HttpOptions, HttpRequest, Verification, VersionOption};
use crate::grants::{Channel, Host, Peer, parse_host};

/// One request: the first one, or one that a redirect led to.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) peer: Peer,
    /// The name in `host` and in TLS.
    pub(super) server: Host,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) verification: Verification,
    /// The name of the identity that the server may see.
    pub(super) client_certificate: Option<String>,
}

impl Hop {
    /// The first request, and the options that apply to all.
    pub(super) fn first(request: HttpRequest) -> Result<(Self, HttpOptions), HttpError> {
        let HttpRequest {
            method,
            url,
            headers,
            body,
            mut options,
        } = request;
        let parsed = if url.len() > MAX_URL {
            Err(invalid(format_args!(
                "its URL is longer than {MAX_URL} bytes"
            )))
        } else {
            Url::parse(&url).map_err(|error| invalid(format_args!("`{}`: {error}", shown(&url))))
        };
        let url = parsed?;
        let peer = peer_of(&url)
            .map_err(|why| invalid(format_args!("`{}`: {why}", shown(url.as_str()))))?;
        let server = match &options.server_name {
            None => peer.host.clone(),
            Some(name) => parse_host(name).map_err(|error| {
                invalid(format_args!("its server name `{}`: {error}", shown(name)))
            })?,
        };
        if options.version == VersionOption::Http2 && peer.channel == Channel::Http {
            return Err(invalid(
                "HTTP/2 without TLS is only possible with prior knowledge",
            ));
        }
        if options.version == VersionOption::Http2PriorKnowledge && peer.channel == Channel::Https {
            options.version = VersionOption::Http2;
        }
        if options.client_certificate.is_some() && peer.channel == Channel::Http {
            return Err(invalid(
                "a client certificate is only possible with `https`",
            ));
        }
        options.verification.validate().map_err(invalid)?;
        let hop = Self {
            method: method_of(&method)?,
            url,
            peer,
            server,
            headers: header_map(headers, &options)?,
            body: body.unwrap_or_default().into(),
            verification: options.verification.clone(),
            client_certificate: options.client_certificate.clone(),
        };
        Ok((hop, options))
    }

    pub(super) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// The request as it is sent with a version of HTTP.
    pub(super) fn wire(
        &self,
        version: Version,
        cookie: Option<HeaderValue>,
    ) -> Result<Request<Full<Bytes>>, HttpError> {
        let authority = self.authority();
        let path = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let uri = if version == Version::HTTP_2 {
            Uri::builder()
                .scheme(self.url.scheme())
                .authority(authority.as_str())
                .path_and_query(path)
                .build()
        } else {
            Uri::builder().path_and_query(path).build()
        };
        let unusable = || {
            invalid(format_args!(
                "`{}` cannot be sent",
                shown(self.url.as_str())
            ))
        };
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri.map_err(|_| unusable())?;
        *request.version_mut() = version;
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        if let Some(cookie) = cookie {
            headers.insert(COOKIE, cookie);
        }
        if version != Version::HTTP_2 {
            let host = HeaderValue::try_from(authority).map_err(|_| unusable())?;
            headers.insert(HOST, host);
            // `te` is a header of the connection: RFC 9110, section 10.1.4.
            let connection = if headers.contains_key(TE) {
                "close, te"
            } else {
                "close"
            };
            headers.insert(CONNECTION, HeaderValue::from_static(connection));
        }
        Ok(request)
    }

    /// The name and port in `host`.
    fn authority(&self) -> String {
        let standard = self.peer.channel.scheme().map(|(_, port)| port);
        if standard == Some(self.peer.port) {
            self.server.to_string()
        } else {
            format!("{}:{}", self.server, self.peer.port)
        }
    }
}

/// The peer of a URL. A URL with a user is rejected, because the host of such a URL can be mistaken.
pub(super) fn peer_of(url: &Url) -> Result<Peer, &'static str> {
    let channel = match url.scheme() {
        "http" => Channel::Http,
        "https" => Channel::Https,
        _ => return Err("its scheme is neither `http` nor `https`"),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user or a password; send them in a header");
    }
    let host = match url.host() {
        Some(url::Host::Domain(name)) => parse_host(name).map_err(|_| "its host is not valid")?,
        Some(url::Host::Ipv4(address)) => Host::Address(address.into()),
        Some(url::Host::Ipv6(address)) => Host::Address(address.to_canonical()),
        None => return Err("it has no host"),
    };
    match url.port_or_known_default() {
        Some(port) if port > 0 => Ok(Peer::new(channel, host, port)),
        _ => Err("its port is not valid"),
    }
}

fn method_of(method: &str) -> Result<Method, HttpError> {
    let parsed = Method::from_bytes(method.as_bytes());
    match parsed {
        // In any case, because a lenient server would open a tunnel.
        Ok(method) if method.as_str().eq_ignore_ascii_case("CONNECT") => {
            Err(invalid("the method CONNECT is not for checks"))
        }
        Ok(method) if method.as_str().len() <= MAX_METHOD => Ok(method),
        _ => Err(invalid(format_args!("`{}` is not a method", shown(method)))),
    }
}

fn header_map(
    headers: Vec<(String, Vec<u8>)>,
    options: &HttpOptions,
) -> Result<HeaderMap, HttpError> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > MAX_HEADER_BYTES || headers.len() > MAX_HEADERS {
        return Err(invalid(format_args!(
            "it has {} headers with {bytes} bytes; the limits are {MAX_HEADERS} and \
             {MAX_HEADER_BYTES}",
            headers.len()
        )));
    }
    let mut map = HeaderMap::with_capacity(headers.len() + 3);
    for (name, value) in headers {
        let valid = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(HeaderValue::from_bytes(&value).ok());
        let Some((name, value)) = valid else {
            return Err(invalid(format_args!(
                "header `{}` is not valid",
                shown(&name)
            )));
        };
        if DEFAULT_FORBIDDEN_HEADERS.contains(&name)
            || [HOST, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name)
        {
            let instead = if name == HOST {
                "; set `server-name`"
            } else {
                ""
            };
            return Err(invalid(format_args!(
                "only the host sets `{name}`{instead}"
            )));
        }
        // RFC 9113, section 8.2.2. The client decodes no transfer coding.
        if name == TE && value != TRAILERS {
            return Err(invalid(format_args!("`te` may only be `{TRAILERS}`")));
        }
        map.append(name, value);
    }
    let mut default = |name: HeaderName, value: &'static str| {
        map.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(USER_AGENT, concat!("vitals/", env!("CARGO_PKG_VERSION")));
    default(ACCEPT, "*/*");
    if options.decode {
        default(ACCEPT_ENCODING, "gzip, deflate, br, zstd");
    }
    Ok(map)
}

const MAX_URL: usize = 16 << 10;
const MAX_METHOD: usize = 64;
const MAX_HEADERS: usize = 256;
const MAX_HEADER_BYTES: usize = 64 << 10;
const TRAILERS: &str = "trailers";
