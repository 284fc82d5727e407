//! Redirects: makes the next request.

use super::{Method, Problem, RawResponse, RequestBuilder};

/// Returns the request that a redirect leads to, or `None` if the response is final.
pub(super) fn next(
    request: &RequestBuilder,
    response: &RawResponse,
    hops: u32,
) -> Option<Result<RequestBuilder, Problem>> {
    if request.redirects == 0 || !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    // A 3xx response without a location is an ordinary response.
    let location = response.header("location")?;
    if hops == request.redirects {
        return Some(Err(Problem::Redirect(format!("more than {hops} in a row"))));
    }
    Some(follow(request, response.status, location))
}

fn follow(
    request: &RequestBuilder,
    status: u16,
    location: &str,
) -> Result<RequestBuilder, Problem> {
    let url = request
        .url
        .join(location)
        .map_err(|error| Problem::Redirect(error.to_string()))?;
    let mut next = request.clone();
    if !url.same_origin(&request.url) {
        // Any header may be a credential; only the author knows which are.
        next.headers.retain(|(name, _)| {
            CROSS_ORIGIN_HEADERS
                .iter()
                .any(|harmless| harmless.eq_ignore_ascii_case(name))
        });
    }
    // RFC 9110, section 15.4: 303 changes the method, 307 and 308 never do, 301 and 302 do for
    // POST.
    let to_get = match status {
        303 => request.method != Method::Head,
        301 | 302 => request.method == Method::Post,
        _ => false,
    };
    if to_get {
        next.method = Method::Get;
        next.body = None;
        next.headers
            .retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    }
    next.url = url;
    Ok(next)
}

/// Headers that are sent to another origin.
const CROSS_ORIGIN_HEADERS: [&str; 4] = ["accept", "accept-language", "content-type", "user-agent"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Url;
    use crate::http::request;

    fn response(status: u16, location: Option<&str>) -> RawResponse {
        let headers = location.map(|location| ("Location".to_owned(), location.to_owned()));
        RawResponse {
            status,
            headers: headers.into_iter().collect(),
            body: Vec::new(),
            truncated: false,
        }
    }

    fn posting(hops: u32) -> RequestBuilder {
        let url: Url = "https://me:pw@a/start".parse().unwrap();
        request(Method::Post, &url)
            .header("x-api-key", "secret")
            .header("accept", "text/plain")
            .json(&1)
            .follow_redirects(hops)
    }

    fn names(request: &RequestBuilder) -> Vec<&str> {
        request
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect()
    }

    #[test]
    fn a_redirect_is_the_response_unless_redirects_are_followed() {
        assert!(next(&posting(0), &response(302, Some("/x")), 0).is_none());
        assert!(next(&posting(1), &response(302, None), 0).is_none());
        assert!(next(&posting(1), &response(304, Some("/x")), 0).is_none());
        assert!(next(&posting(1), &response(200, Some("/x")), 0).is_none());
    }

    #[test]
    fn all_headers_are_kept_on_the_same_origin() {
        let next = next(&posting(1), &response(307, Some("/x")), 0)
            .unwrap()
            .unwrap();
        assert_eq!(next.method, Method::Post);
        assert_eq!(next.body.as_deref(), Some(&b"1"[..]));
        assert_eq!(names(&next), ["x-api-key", "accept", "content-type"]);
        assert!(next.url.credentials().is_some());
    }

    #[test]
    fn nothing_that_may_be_secret_is_sent_to_another_origin() {
        for location in ["https://b/x", "http://a/x", "https://a:8443/x"] {
            let next = next(&posting(1), &response(308, Some(location)), 0)
                .unwrap()
                .unwrap();
            assert_eq!(names(&next), ["accept", "content-type"], "{location}");
            assert!(next.url.credentials().is_none(), "{location}");
        }
    }

    #[test]
    fn a_see_other_becomes_a_get_without_a_body() {
        for status in [301, 302, 303] {
            let next = next(&posting(1), &response(status, Some("x")), 0)
                .unwrap()
                .unwrap();
            assert_eq!(next.method, Method::Get);
            assert_eq!(next.body, None);
            assert_eq!(names(&next), ["x-api-key", "accept"]);
        }
    }

    #[test]
    fn too_many_and_invalid_redirects_are_errors() {
        let error = next(&posting(2), &response(302, Some("/x")), 2)
            .unwrap()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot follow the redirect: more than 2 in a row"
        );
        assert!(
            next(&posting(2), &response(302, Some("http://")), 0)
                .unwrap()
                .is_err()
        );
    }
}
