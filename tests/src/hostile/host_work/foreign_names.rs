//! Requests by a name that is not the host's, as a web page makes them that leads its own name to
//! the host's address (DNS rebinding).

use crate::hostile::case::{Body, HostileCase, case};

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let asks = |name, does, requests: fn() -> _| case(name, does, Body::Asks(requests)).healthy().message("hello");
    vec![
        asks("host-foreign",
            "asks for every page by names that are not the host's, some of which look like it",
            || FOREIGN.into_iter().flat_map(|name| requests("", &[name])).collect()),
        asks("host-in-target",
            "the same where the target of the request has the name, and `Host` is the host's",
            || TARGETS.into_iter().flat_map(|target| requests(target, &["127.0.0.1"])).collect()),
        asks("host-beside", "the same where another `Host` or the target is the host's", || [
            requests("", &["127.0.0.1", "evil.test"]),
            requests("", &["evil.test", "127.0.0.1"]),
            requests("http://127.0.0.1", &["evil.test"]),
        ].concat()),
    ]
}

/// A request for each page, with what stands before its path, and these `Host` headers.
fn requests(before: &str, hosts: &[&str]) -> Vec<String> {
    let header = |host: &&str| ["host: ", host, "\r\n"].concat();
    let hosts: String = hosts.iter().map(header).collect();
    let request = |(method, path): &(&str, &str)| {
        format!("{method} {before}{path} HTTP/1.1\r\n{hosts}connection: close\r\n\r\n")
    };
    PAGES.iter().map(request).collect()
}

const PAGES: [(&str, &str); 9] = [
    ("GET", "/health"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/health/startup"),
    ("GET", "/health/tools"),
    ("GET", "/health/checks/control-check"),
    ("GET", "/plugins"),
    ("GET", "/metrics"),
    ("POST", "/-/reload"),
];
const FOREIGN: [&str; 16] = [
    "evil.test",
    "evil.test:80",
    "evil.test.",
    "EVIL.TEST",
    "evil",
    "localhost.evil.test",
    "evil-localhost",
    "127.0.0.1.evil.test",
    "evil.test@127.0.0.1",
    "127.0.0.1@evil.test",
    "127.0.0.1 evil.test",
    "127.0.0.1,evil.test",
    "2130706433",
    "[::1%25eth0]",
    "[::1].evil.test",
    "[::1]evil.test:80",
];
const TARGETS: [&str; 3] = [
    "http://evil.test",
    "http://evil.test:80",
    "HTTP://EVIL.TEST.",
];
