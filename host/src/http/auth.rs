//! Who may see and change what: the admin token, and what is open to everybody.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::answer;
use crate::config::Details;

/// Who may see and change what. Keeps a digest of the token, so that comparison takes the same time whatever
/// was sent, its length included.
pub(super) struct Access {
    details: Details,
    token: Option<[u8; 32]>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nobody is let in, because no token is configured.
    Closed,
    /// No token was sent, or another one.
    WrongToken,
}

impl Access {
    pub(super) fn new(details: Details, token: Option<&SecretString>) -> Self {
        let token = token.map(|token| Sha256::digest(token.expose_secret()).into());
        Self { details, token }
    }

    /// Whether messages and details are shown to who sent these headers.
    pub(super) fn shows_details(&self, headers: &HeaderMap) -> bool {
        self.details(headers).is_ok()
    }

    /// Lets through who may see details, and says why others may not.
    pub(super) fn details(&self, headers: &HeaderMap) -> Result<(), Refused> {
        match self.details {
            Details::Always => Ok(()),
            Details::Authorized => self.admin(headers),
        }
    }

    /// Lets through who shows the admin token, and says why others may not: for what changes
    /// something, whatever is shown to everybody.
    pub(super) fn admin(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let Some(expected) = &self.token else {
            return Err(Refused::Closed);
        };
        let sent = bearer(headers).ok_or(Refused::WrongToken)?;
        let equal = Sha256::digest(sent).as_slice().ct_eq(expected);
        if equal.into() {
            Ok(())
        } else {
            Err(Refused::WrongToken)
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Closed => answer::error(StatusCode::FORBIDDEN, CLOSED),
            Self::WrongToken => {
                let mut response = answer::error(StatusCode::UNAUTHORIZED, WRONG_TOKEN);
                response.headers_mut().insert(WWW_AUTHENTICATE, BEARER);
                response
            }
        }
    }
}

/// The token that a request carries: RFC 6750, section 2.1; the name of the scheme in any case.
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
const CLOSED: &str = "this is closed to everybody: it needs the admin token and none is \
                      configured; set `admin_token` under `[server]`, or VITALS_ADMIN_TOKEN, and \
                      restart the host";
const WRONG_TOKEN: &str = "this needs the admin token: send it as `Authorization: Bearer`";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let value = |text: &&'static str| (AUTHORIZATION, HeaderValue::from_static(text));
        values.iter().map(value).collect()
    }

    #[test]
    fn only_the_token_itself_lets_in() {
        let access = Access::new(Details::Authorized, Some(&SecretString::from("s3cret")));
        for good in ["Bearer s3cret", "bearer s3cret", "BEARER   s3cret "] {
            assert_eq!(access.details(&headers(&[good])), Ok(()), "{good}");
        }
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer s3cre",
            "Bearer s3crets",
            "Basic s3cret",
            "s3cret",
        ] {
            assert_eq!(
                access.details(&headers(&[bad])),
                Err(Refused::WrongToken),
                "{bad}"
            );
        }
        assert_eq!(access.details(&headers(&[])), Err(Refused::WrongToken));
        let twice = headers(&["Bearer s3cret", "Bearer s3cret"]);
        assert_eq!(access.details(&twice), Err(Refused::WrongToken));
    }

    #[test]
    fn without_a_token_only_what_is_open_is_shown() {
        let access = Access::new(Details::Authorized, None);
        assert_eq!(access.details(&headers(&["Bearer "])), Err(Refused::Closed));
        assert!(!access.shows_details(&headers(&[])));
        assert!(Access::new(Details::Always, None).shows_details(&headers(&[])));
    }

    #[test]
    fn who_may_see_everything_may_change_nothing_without_the_token() {
        let sent = headers(&["Bearer s3cret"]);
        let closed = Access::new(Details::Always, None);
        assert_eq!(closed.admin(&sent), Err(Refused::Closed));
        let guarded = Access::new(Details::Always, Some(&SecretString::from("s3cret")));
        assert_eq!(guarded.admin(&headers(&[])), Err(Refused::WrongToken));
        assert_eq!(guarded.admin(&sent), Ok(()));
    }
}
