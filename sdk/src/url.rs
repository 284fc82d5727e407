//! A URL, as a setting and as the target of a request.
//!
//! Deliberately small: absolute URLs with a host, in ASCII, with one interpretation. It does not
//! know which schemes a client supports.

use std::fmt;
use std::str::FromStr;

use vitals_values::{Host, HostError, split_port};

use crate::address::bracketed;

/// An absolute URL with a host: `https://user:password@example.com:8443/health?deep=1`.
///
/// **`Display` is safe to show**: it omits user, password and query, because messages go to logs,
/// dashboards and people. [`Url::expose`] returns everything. A fragment is dropped, characters
/// that are not allowed in a URL are percent-encoded, `.` and `..` are resolved.
///
/// ```
/// use vitals_sdk::Url;
///
/// let url: Url = "http://ops:secret@Example.com/health?token=1".parse().unwrap();
/// assert_eq!(url.to_string(), "http://example.com/health?…");
/// assert_eq!(url.port_or_default(), Some(80));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    scheme: String,
    /// Both still percent-encoded.
    user: Option<(String, String)>,
    host: String,
    port: Option<u16>,
    path: String,
    query: Option<String>,
}

impl Url {
    /// Returns the scheme, in lower case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns the name or IP address, in lower case and without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, if the URL names one that is not the scheme's default.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns the port of the connection, or `None` for an unknown scheme without a port.
    pub fn port_or_default(&self) -> Option<u16> {
        self.port.or_else(|| default_port(&self.scheme))
    }

    /// Returns the host, with the port if the URL names one.
    pub fn authority(&self) -> String {
        let host = bracketed(&self.host);
        self.port
            .map_or(host.clone(), |port| format!("{host}:{port}"))
    }

    /// Returns the path, at least `/`, percent-encoded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the query without its question mark, percent-encoded.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Returns path and query, as in an HTTP request line.
    pub fn path_and_query(&self) -> String {
        self.query
            .as_ref()
            .map_or(self.path.clone(), |query| format!("{}?{query}", self.path))
    }

    /// Returns user and password, decoded; as bytes, because their encoding is unknown.
    pub fn credentials(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        self.user
            .as_ref()
            .map(|(user, password)| (decoded(user), decoded(password)))
    }

    /// Returns the URL as it is sent, without user and password.
    pub(crate) fn without_credentials(&self) -> String {
        format!(
            "{}://{}{}",
            self.scheme,
            self.authority(),
            self.path_and_query()
        )
    }

    /// Returns whether scheme, host and port are equal.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.host == other.host
            && self.port_or_default() == other.port_or_default()
    }

    /// Resolves `reference` against this URL: another URL, `//host/path`, `/path`, `?query` or
    /// `path` (RFC 3986, section 5). Credentials are kept on the same origin only.
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        let reference = reference.split('#').next().unwrap_or_default().trim();
        let before_colon = reference.split_once(':');
        let mut url = if before_colon.is_some_and(|(scheme, _)| is_scheme(scheme)) {
            reference.parse()?
        } else if reference.starts_with("//") {
            format!("{}:{reference}", self.scheme).parse()?
        } else {
            let (path, query) = split_query(reference);
            let mut url = self.clone();
            if path.starts_with('/') {
                url.path = normal_path(path);
            } else if !path.is_empty() {
                let directory = self.path.rfind('/').map_or("/", |end| &self.path[..=end]);
                url.path = normal_path(&format!("{directory}{path}"));
            }
            if query.is_some() || !path.is_empty() {
                url.query = query.map(|query| encoded(query, b"?/"));
            }
            url
        };
        if url.user.is_none() && url.same_origin(self) {
            url.user.clone_from(&self.user);
        }
        Ok(url)
    }

    /// Returns the whole URL with user, password and query. Do not use it in messages.
    pub fn expose(&self) -> String {
        let user = match &self.user {
            None => String::new(),
            Some((user, password)) if password.is_empty() => format!("{user}@"),
            Some((user, password)) => format!("{user}:{password}@"),
        };
        format!(
            "{}://{user}{}{}",
            self.scheme,
            self.authority(),
            self.path_and_query()
        )
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        // The text may contain a password, so the error shows the problem and never the text.
        let wrong = |problem: &str| UrlError(problem.to_owned());
        let text = text.trim();
        let (scheme, rest) = text
            .split_once("://")
            .filter(|(scheme, _)| is_scheme(scheme))
            .ok_or_else(|| wrong("it does not begin with a scheme such as `https://`"))?;
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if rest.starts_with('\\') {
            return Err(wrong("it has a backslash after the host"));
        }
        let (user, place) = match authority.rsplit_once('@') {
            None => (None, authority),
            Some((user, place)) => {
                let (user, password) = user.split_once(':').unwrap_or((user, ""));
                (Some((encoded(user, b""), encoded(password, b":"))), place)
            }
        };
        let (host, port) = host_and_port(place).map_err(|error| wrong(error.as_str()))?;
        let scheme = scheme.to_ascii_lowercase();
        let port = port.filter(|port| Some(*port) != default_port(&scheme));
        let (path, query) = split_query(rest);
        let query = query.map(|query| encoded(query, b"?/"));
        Ok(Self {
            scheme,
            user,
            host: host.without_brackets(),
            port,
            path: normal_path(path),
            query,
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority(), self.path)?;
        if self.query.is_some() {
            f.write_str("?…")
        } else {
            Ok(())
        }
    }
}

/// The same as `Display`: a debug print must not reveal the password.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

/// The text is not a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a URL like `https://example.com/health`: {0}")]
pub struct UrlError(String);

/// Splits host and port; the port may be missing, also after its colon.
fn host_and_port(text: &str) -> Result<(Host, Option<u16>), HostError> {
    let before_colon = text.strip_suffix(':');
    match split_port(before_colon.unwrap_or(text))? {
        (_, Some(_)) if before_colon.is_some() => Err(HostError::Port),
        (host, port) => Ok((host.parse()?, port)),
    }
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

fn split_query(text: &str) -> (&str, Option<&str>) {
    text.split_once('?')
        .map_or((text, None), |(path, query)| (path, Some(query)))
}

/// Returns the path from its root, percent-encoded, with `.` and `..` resolved.
fn normal_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut parts = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "." => {}
            ".." => {
                segments.pop();
            }
            part => {
                segments.push(part);
                continue;
            }
        }
        if last {
            segments.push("");
        }
    }
    format!("/{}", encoded(&segments.join("/"), b"/"))
}

/// Percent-encodes what a path segment cannot contain (RFC 3986, `pchar`), except `also` and `%`,
/// so encoded characters stay encoded.
fn encoded(text: &str, also: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || b"-._~!$&'()*+,;=:@%".contains(&byte)
            || also.contains(&byte)
        {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        match (
            byte,
            ahead.next().and_then(digit),
            ahead.next().and_then(digit),
        ) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    out
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect(text)
    }

    #[test]
    fn the_parts_are_found() {
        let url = url("HTTPS://me:p%40ss@[::1]:8443/a/../b c?q=ü#top");
        assert_eq!(url.scheme(), "https");
        assert_eq!(url.host(), "::1");
        assert_eq!(url.authority(), "[::1]:8443");
        assert_eq!(url.path_and_query(), "/b%20c?q=%C3%BC");
        assert_eq!(url.credentials(), Some((b"me".to_vec(), b"p@ss".to_vec())));
        assert_eq!(url.expose(), "https://me:p%40ss@[::1]:8443/b%20c?q=%C3%BC");
    }

    #[test]
    fn display_omits_secrets() {
        let url = url("https://me:secret@example.com/a?token=secret");
        for text in [url.to_string(), format!("{url:?}")] {
            assert!(!text.contains("secret") && !text.contains("me:"), "{text}");
        }
        let error = "https://me:secret@exa mple.com/"
            .parse::<Url>()
            .unwrap_err()
            .to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn the_schemes_default_port_is_omitted() {
        assert_eq!(url("http://a:80/"), url("http://a"));
        assert_eq!(url("https://a:80").port(), Some(80));
        assert!(url("http://a:80/").same_origin(&url("http://a/x")));
        assert!(!url("http://a/").same_origin(&url("https://a/")));
    }

    #[test]
    fn invalid_urls_are_rejected() {
        for text in [
            "",
            "example.com",
            "http:/example.com",
            "http://",
            "http:///path",
            "://a",
            "1http://a",
            "http://a:x/",
            "http://a:0/",
            "http://a b/",
            "http://a\\@b/",
            "mailto:a@b",
            "http://127.1/",
            "http://::1/",
            "http://::1:80/",
            "http://a:80:/",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    #[test]
    fn references_resolve_as_rfc_3986_says() {
        let base = url("http://a/b/c/d;p?q");
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../../g", "http://a/g"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("https://b/x", "https://b/x"),
            ("g?u=http://c/", "http://a/b/c/g?u=http://c/"),
        ] {
            assert_eq!(
                base.join(reference).unwrap().expose(),
                expected,
                "{reference}"
            );
        }
    }

    #[test]
    fn a_reference_with_a_scheme_is_never_a_path() {
        let base = url("http://a/b");
        assert!(base.join("mailto:a@b").is_err());
        assert!(base.join("g:h").is_err());
        assert_eq!(base.join("./g:h").unwrap().expose(), "http://a/g:h");
    }

    #[test]
    fn credentials_are_not_sent_to_another_origin() {
        let base = url("http://me:secret@a/");
        assert!(base.join("/x").unwrap().credentials().is_some());
        assert!(base.join("http://a/x").unwrap().credentials().is_some());
        for other in ["http://b/", "https://a/", "//a:81/"] {
            assert!(base.join(other).unwrap().credentials().is_none(), "{other}");
        }
    }
}
