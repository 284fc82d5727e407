//! Cookies within one exchange. They go back to the origin that set them and to no other.

use cookie_store::CookieStore;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use url::Origin;

use super::request::Hop;

/// The cookies of each origin.
#[derive(Debug, Default)]
pub(super) struct Cookies {
    origins: Vec<(Origin, CookieStore)>,
    /// How many were stored.
    count: usize,
}

impl Cookies {
    /// Keeps the cookies of a response, up to the limits.
    pub(super) fn store(&mut self, hop: &Hop, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE) {
            let Ok(text) = value.to_str() else { continue };
            if text.len() > MAX_BYTES || self.count == MAX_COOKIES {
                continue;
            }
            self.count += 1;
            // A browser ignores a cookie that is not valid, too.
            let _ = self.of(hop.url.origin()).parse(text, &hop.url);
        }
    }

    /// The header of a request: the cookies of the guest and those of earlier responses.
    pub(super) fn header(&mut self, hop: &Hop) -> Option<HeaderValue> {
        if self.count == 0 {
            return None;
        }
        let own = hop.headers.get_all(COOKIE).iter();
        let mut pairs: Vec<String> = own
            .filter_map(|value| Some(value.to_str().ok()?.to_owned()))
            .collect();
        let stored = self.of(hop.url.origin()).get_request_values(&hop.url);
        pairs.extend(stored.map(|(name, value)| format!("{name}={value}")));
        HeaderValue::try_from(pairs.join("; ")).ok()
    }

    fn of(&mut self, origin: Origin) -> &mut CookieStore {
        let at = self.origins.iter().position(|(known, _)| *known == origin);
        let at = at.unwrap_or_else(|| {
            self.origins.push((origin, CookieStore::default()));
            self.origins.len() - 1
        });
        &mut self.origins[at].1
    }
}

/// The limits that browsers have for one domain (RFC 6265, section 6.1).
const MAX_COOKIES: usize = 50;
const MAX_BYTES: usize = 4096;
