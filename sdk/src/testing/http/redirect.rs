//! Redirects in a world, by the rules of the host.

use crate::Url;
use crate::http::{Method, Problem, RawResponse};

/// One request of an exchange.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Returns the request that a redirect leads to, or `None` if the response is final. `redirects`
/// were followed, and `max` may be.
pub(super) fn next(
    hop: &Hop,
    response: &RawResponse,
    redirects: u8,
    max: u8,
) -> Option<Result<Hop, Problem>> {
    if max == 0 || !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    // A 3xx response without a location is an ordinary response.
    let mut headers = response.headers.iter();
    let location = headers.find(|(name, _)| name.eq_ignore_ascii_case("location"));
    let (_, location) = location?;
    if redirects == max {
        return Some(Err(Problem::Redirect(format!("more than {max} in a row"))));
    }
    Some(follow(hop, response.status, location))
}

fn follow(hop: &Hop, status: u16, location: &str) -> Result<Hop, Problem> {
    let refused = |why: &str| Problem::Redirect(format!("to `{location}`: {why}"));
    let url = hop
        .url
        .join(location)
        .map_err(|_| refused("it is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("its scheme is neither `http` nor `https`"));
    }
    let mut next = hop.clone();
    if !url.same_origin(&hop.url) {
        // Any header may be a credential; only the author knows which are.
        next.headers.retain(|(name, _)| {
            CROSS_ORIGIN_HEADERS
                .iter()
                .any(|harmless| harmless.eq_ignore_ascii_case(name))
        });
    }
    // RFC 9110, section 15.4: 303 changes the method, 307 and 308 never do, 301 and 302 do for
    // POST.
    let becomes_get = match status {
        303 => hop.method != Method::Head,
        301 | 302 => hop.method == Method::Post,
        _ => false,
    };
    if becomes_get {
        next.method = Method::Get;
        next.body.clear();
        next.headers
            .retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    }
    next.url = url;
    Ok(next)
}

/// Headers that are sent to another origin.
const CROSS_ORIGIN_HEADERS: [&str; 5] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "content-type",
    "user-agent",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, location: Option<&str>) -> RawResponse {
        let headers = location.map(|location| ("Location".to_owned(), location.to_owned()));
        RawResponse {
            status,
            headers: headers.into_iter().collect(),
            ..RawResponse::default()
        }
    }

    fn posting() -> Hop {
        let headers = [
            ("authorization", "Basic bWU6cHc="),
            ("accept", "text/plain"),
            ("content-type", "application/json"),
        ];
        Hop {
            method: Method::Post,
            url: "https://a/start".parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            body: b"1".to_vec(),
        }
    }

    fn names(hop: &Hop) -> Vec<&str> {
        hop.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn a_redirect_is_the_response_unless_redirects_are_followed() {
        assert!(next(&posting(), &response(302, Some("/x")), 0, 0).is_none());
        for (status, location) in [(302, None), (304, Some("/x")), (200, Some("/x"))] {
            assert!(next(&posting(), &response(status, location), 0, 1).is_none());
        }
    }

    #[test]
    fn headers_are_kept_on_the_same_origin_and_most_left_out_on_another() {
        let to = |location| next(&posting(), &response(307, Some(location)), 0, 1);
        let same = to("/x").unwrap().unwrap();
        assert_eq!((&same.method, &same.body[..]), (&Method::Post, &b"1"[..]));
        assert_eq!(names(&same), ["authorization", "accept", "content-type"]);
        for location in ["https://b/x", "http://a/x", "https://a:8443/x"] {
            let other = to(location).unwrap().unwrap();
            assert_eq!(names(&other), ["accept", "content-type"], "{location}");
        }
    }

    #[test]
    fn a_see_other_becomes_a_get_without_a_body() {
        for status in [301, 302, 303] {
            let next = next(&posting(), &response(status, Some("x")), 0, 1)
                .unwrap()
                .unwrap();
            assert_eq!(next.method, Method::Get);
            assert!(next.body.is_empty());
            assert_eq!(names(&next), ["authorization", "accept"]);
        }
    }

    #[test]
    fn too_many_and_invalid_redirects_are_errors() {
        let problem = |location, redirects| {
            let next = next(&posting(), &response(302, Some(location)), redirects, 2);
            next.unwrap().unwrap_err().to_string()
        };
        for (location, redirects, text) in [
            ("/x", 2, "more than 2 in a row"),
            ("http://", 0, "to `http://`: it is not a URL"),
        ] {
            let expected = format!("cannot follow the redirect: {text}");
            assert_eq!(problem(location, redirects), expected);
        }
    }
}
