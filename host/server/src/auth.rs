//! Access control: the access that each route declares, and the tokens that grant it.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::answer;
use vitals_config::{Config, Details, Secret};

/// The clients that may request a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody. The page itself hides some fields by [`Tokens::shows_details`].
    Public,
    /// Everybody, or with `details = "authorized"` clients with the admin token.
    Details,
    /// Clients with the metrics token or the admin token. Without a metrics token the same as
    /// [`Access::Details`].
    Metrics,
    /// Clients with the admin token, regardless of `details`: for requests that change something.
    Admin,
}

/// The tokens of one configuration. Only digests are kept, so that the time of a comparison depends
/// neither on the sent token nor on its length.
pub(super) struct Tokens {
    details: Details,
    admin: Option<[u8; 32]>,
    metrics: Option<[u8; 32]>,
}

/// The reason why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessDenied {
    /// No client is let in, because no token is configured.
    Closed(Token),
    /// No token was sent, or a wrong one.
    WrongToken(Token),
}

/// The token that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Admin,
    /// The metrics token, or the admin token.
    Metrics,
}

impl Tokens {
    pub(super) fn new(config: &Config) -> Self {
        let digest = |token: &Secret| Sha256::digest(token.expose().as_bytes()).into();
        Self {
            details: config.server.details,
            admin: config.server.admin_token.as_ref().map(digest),
            metrics: config.metrics.token.as_ref().map(digest),
        }
    }

    /// Returns whether a client that sent these headers may see messages and details.
    pub(super) fn shows_details(&self, headers: &HeaderMap) -> bool {
        self.admit(Access::Details, headers).is_ok()
    }

    /// Admits a client that `access` allows, or returns why it is refused.
    pub(super) fn admit(&self, access: Access, headers: &HeaderMap) -> Result<(), AccessDenied> {
        let is_open = self.details == Details::Always;
        let (token, expected) = match access {
            Access::Public => return Ok(()),
            Access::Details if is_open => return Ok(()),
            Access::Metrics if is_open && self.metrics.is_none() => return Ok(()),
            Access::Details | Access::Admin => (Token::Admin, [self.admin, None]),
            Access::Metrics => (Token::Metrics, [self.admin, self.metrics]),
        };
        if expected == [None, None] {
            return Err(AccessDenied::Closed(token));
        }
        let sent = bearer(headers).ok_or(AccessDenied::WrongToken(token))?;
        let sent = Sha256::digest(sent);
        // Compared with all tokens, so that the time does not tell which one matched.
        let is_one = expected
            .iter()
            .flatten()
            .map(|expected| sent.as_slice().ct_eq(expected))
            .fold(subtle::Choice::from(0), |one, other| one | other);
        if is_one.into() {
            Ok(())
        } else {
            Err(AccessDenied::WrongToken(token))
        }
    }
}

impl IntoResponse for AccessDenied {
    fn into_response(self) -> Response {
        match self {
            Self::Closed(Token::Admin) => answer::error(StatusCode::FORBIDDEN, CLOSED),
            Self::Closed(Token::Metrics) => answer::error(StatusCode::FORBIDDEN, METRICS_CLOSED),
            Self::WrongToken(token) => {
                let wanted = match token {
                    Token::Admin => WRONG_TOKEN,
                    Token::Metrics => WRONG_METRICS_TOKEN,
                };
                let mut response = answer::error(StatusCode::UNAUTHORIZED, wanted);
                response.headers_mut().insert(WWW_AUTHENTICATE, BEARER);
                response
            }
        }
    }
}

/// Returns the token of a request by RFC 6750, section 2.1. The scheme is case-insensitive.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?.as_bytes(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    scheme
        .eq_ignore_ascii_case(SCHEME)
        .then(|| token.trim_ascii())
}

const SCHEME: &[u8] = b"Bearer ";
const BEARER: HeaderValue = HeaderValue::from_static("Bearer");
const CLOSED: &str = "access is closed: it needs the admin token, and none is configured; \
                      set `admin_token` under `[server]`, or VITALS_ADMIN_TOKEN and restart the \
                      host";
const METRICS_CLOSED: &str = "access is closed: it needs the metrics token or the admin token, \
                              and neither is configured; set `token` under `[metrics]`, or \
                              VITALS_METRICS_TOKEN and restart the host";
const WRONG_TOKEN: &str = "this needs the admin token: send it as `Authorization: Bearer`";
const WRONG_METRICS_TOKEN: &str =
    "this needs the metrics token or the admin token: send it as `Authorization: Bearer`";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let value = |text: &&'static str| (AUTHORIZATION, HeaderValue::from_static(text));
        values.iter().map(value).collect()
    }

    fn tokens(details: Details, admin: Option<&str>, metrics: Option<&str>) -> Tokens {
        let mut config = Config::default();
        config.server.details = details;
        config.server.admin_token = admin.map(Secret::from);
        config.metrics.token = metrics.map(Secret::from);
        Tokens::new(&config)
    }

    #[test]
    fn only_the_exact_token_is_accepted() {
        let tokens = tokens(Details::Authorized, Some("s3cret"), None);
        let admit = |sent: &[&'static str]| tokens.admit(Access::Details, &headers(sent));
        for good in ["Bearer s3cret", "bearer s3cret", "BEARER   s3cret "] {
            assert_eq!(admit(&[good]), Ok(()), "{good}");
        }
        let wrong = Err(AccessDenied::WrongToken(Token::Admin));
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer s3cre",
            "Bearer s3crets",
            "Basic s3cret",
            "s3cret",
        ] {
            assert_eq!(admit(&[bad]), wrong, "{bad}");
        }
        assert_eq!(admit(&[]), wrong);
        assert_eq!(admit(&["Bearer s3cret", "Bearer s3cret"]), wrong);
    }

    #[test]
    fn each_access_admits_only_its_clients() {
        use Access::{Admin, Details as Shown, Metrics, Public};
        use Details::{Always, Authorized};
        // The clients that get in: everybody `e`, with the metrics token `m`, with the admin token
        // `a`.
        for (details, admin, metrics, expected) in [
            (
                Always,
                None,
                None,
                [
                    (Public, "ema"),
                    (Shown, "ema"),
                    (Metrics, "ema"),
                    (Admin, ""),
                ],
            ),
            (
                Always,
                Some("A"),
                None,
                [
                    (Public, "ema"),
                    (Shown, "ema"),
                    (Metrics, "ema"),
                    (Admin, "a"),
                ],
            ),
            (
                Always,
                Some("A"),
                Some("M"),
                [
                    (Public, "ema"),
                    (Shown, "ema"),
                    (Metrics, "ma"),
                    (Admin, "a"),
                ],
            ),
            (
                Always,
                None,
                Some("M"),
                [(Public, "ema"), (Shown, "ema"), (Metrics, "m"), (Admin, "")],
            ),
            (
                Authorized,
                None,
                None,
                [(Public, "ema"), (Shown, ""), (Metrics, ""), (Admin, "")],
            ),
            (
                Authorized,
                Some("A"),
                None,
                [(Public, "ema"), (Shown, "a"), (Metrics, "a"), (Admin, "a")],
            ),
            (
                Authorized,
                Some("A"),
                Some("M"),
                [(Public, "ema"), (Shown, "a"), (Metrics, "ma"), (Admin, "a")],
            ),
            (
                Authorized,
                None,
                Some("M"),
                [(Public, "ema"), (Shown, ""), (Metrics, "m"), (Admin, "")],
            ),
        ] {
            let tokens = tokens(details, admin, metrics);
            for (access, who) in expected {
                let is_admitted = |sent: &[&'static str]| {
                    let admitted = tokens.admit(access, &headers(sent));
                    if admin.is_none() && (metrics.is_none() || access != Metrics) {
                        assert!(!matches!(admitted, Err(AccessDenied::WrongToken(_))));
                    }
                    admitted.is_ok()
                };
                let mut admitted = String::new();
                admitted.extend(is_admitted(&[]).then_some('e'));
                admitted.extend(is_admitted(&["Bearer M"]).then_some('m'));
                admitted.extend(is_admitted(&["Bearer A"]).then_some('a'));
                assert_eq!(
                    admitted, who,
                    "{access:?} {details:?} {admin:?} {metrics:?}"
                );
            }
        }
    }
}
