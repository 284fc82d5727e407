use std::panic::catch_unwind;

use super::*;
use crate::http;

fn url(text: &str) -> Url {
    text.parse().expect(text)
}

#[test]
fn a_request_without_response_is_named_with_the_defined_ones() {
    let world = World::new();
    world.http("GET", "http://web/health").responds("ok");
    world.http("*", "https://api/v1/*").responds(404);
    let asked = std::panic::AssertUnwindSafe(|| {
        world.run(|| http::put(&url("http://ops:pw@web/health?deep=1")).send())
    });
    let text = *catch_unwind(asked)
        .unwrap_err()
        .downcast::<String>()
        .unwrap();
    assert_eq!(
        text,
        "the check used what its test does not define:\n  the test defines no response to PUT \
         http://web/health?deep=1; it defines responses to GET http://web/health, * https://api/v1/*"
    );
    assert_eq!(world.requests().len(), 1);
}

#[test]
fn the_last_matching_route_wins_and_functions_keep_state() {
    let world = World::new();
    world.http("GET", "http://web/*").responds("all");
    world.http("GET", "http://web:80/one").responds("one");
    let mut count = 0;
    world
        .http("GET", "http://web/count")
        .responds_with(move |_| {
            count += 1;
            Response::ok(count.to_string())
        });
    let text = |path: &str| {
        let url = url(&format!("http://web/{path}"));
        let response = world.run(|| http::get(&url).send()).unwrap();
        response.text().into_owned()
    };
    let texts = ["two", "one", "count", "count"].map(text);
    assert_eq!(texts, ["all", "one", "1", "2"]);
}

#[test]
fn responses_advance_the_clock_up_to_the_deadline() {
    let world = World::new();
    let second = Duration::from_secs(1);
    let response = Response::ok("x").after(second).body_after(second);
    world.http("GET", "http://web/").responds(response);
    let get = |timeout| http::get(&url("http://web/")).timeout(timeout);
    let response = world.run(|| get(2 * second).send()).unwrap();
    assert_eq!(response.elapsed(), 2 * second);
    for (timeout, stage) in [
        (Duration::from_millis(999), Stage::Response),
        (second, Stage::Body),
        (Duration::from_millis(1_999), Stage::Body),
    ] {
        let before = world.elapsed();
        let error = world.run(|| get(timeout).send()).unwrap_err();
        let limit = timeout;
        assert_eq!(error.problem(), &Problem::Timeout { stage, limit });
        assert_eq!(world.elapsed(), before + timeout);
    }
}

#[test]
fn bodies_end_at_the_limits_of_host_and_client() {
    let world = World::new();
    world.http("*", "http://web/").responds("12345");
    let at = url("http://web/");
    let send = |request: http::RequestBuilder| world.run(|| request.send());
    let long = send(http::get(&at).body_limit(4)).unwrap_err();
    assert_eq!(long.problem(), &Problem::TooLarge(4));
    let cut = send(http::get(&at).body_prefix(4)).unwrap();
    assert!(cut.body() == b"1234" && cut.is_truncated());
    assert_eq!(send(http::head(&at)).unwrap().body(), b"");
    world
        .http("GET", "http://web/")
        .responds(Response::ok("12345").closes_early());
    assert!(send(http::get(&at)).is_err());
    assert!(send(http::get(&at).body_prefix(4)).is_ok());
}

#[test]
fn headers_that_the_host_rejects_are_rejected() {
    let world = World::new();
    world.http("GET", "http://web/").responds(200);
    let with = |name: &str| {
        let get = http::get(&url("http://web/")).header(name, "x");
        world.run(|| get.send()).map_err(|error| error.to_string())
    };
    assert!(with("x-mine").is_ok());
    let te = with("TE").unwrap_err();
    assert!(te.ends_with("`te` may only be `trailers`"), "{te}");
    assert_eq!(
        with("Host").unwrap_err(),
        "cannot get http://web/: the request is not valid: only the host sets `host`; set \
         `server-name`"
    );
    assert!(
        with("a b")
            .unwrap_err()
            .ends_with("header `a b` is not valid")
    );
}
