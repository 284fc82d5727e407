//! Guests that use `vitals:health/http` to get where they may not go, and servers that abuse its
//! client: its codings, its redirects, its cookies, HTTP/2.

use super::case::{Group, HostileCase, net};

pub(super) const GROUP: Group = Group::new(
    "fetch",
    "The HTTP exchange in one call: grants of each hop, codings, cookies, HTTP/2.",
);

/// A request to this URL.
fn ask(name: &'static str, does: &'static str, url: &str, more: &str) -> HostileCase {
    net(name, does, &format!("does = 'fetch', url = '{url}'{more}"))
}

/// A request to `{at}`, which is granted, with more settings.
fn to(name: &'static str, does: &'static str, at: &str, more: &str) -> HostileCase {
    ask(name, does, &format!("http://{{{at}}}/"), more)
        .allow(&format!("http = ['http://{{{at}}}']"))
}

/// The same over HTTP/2 without TLS.
fn http2(name: &'static str, does: &'static str, at: &str) -> HostileCase {
    to(name, does, at, ", http2 = true")
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    const HEAD: &str = "TooLarge";
    vec![
        ask("fetch-host", "requests a host that is not granted", "http://{ok}/", "")
            .denied("http", "allow.http"),
        ask("fetch-scheme", "uses a scheme that is not granted", "https://{ok}/", "")
            .allow("http = ['http://{ok}']").denied("http", "https://"),
        ask("fetch-decimal", "this machine as one number", "http://2130706433:{ok:port}/", "")
            .denied("http", "127.0.0.1"),
        ask("fetch-mapped", "this machine as IPv4 in IPv6", "http://[::ffff:127.0.0.1]:{ok:port}/", "")
            .denied("http", "127.0.0.1"),
        ask("fetch-encoded", "this machine with percent signs", "http://%31%32%37.0.0.1:{ok:port}/", "")
            .denied("http", "127.0.0.1"),
        ask("fetch-user", "a granted host in the place of the user", "http://{ok}@{echo}/", "")
            .allow("http = ['http://{ok}']").unhealthy().message("InvalidRequest"),
        ask("fetch-backslash", "a backslash before another host", "http://{ok}\\\\@{echo}/", "")
            .allow("http = ['http://{echo}']").denied("http", "127.0.0.1"),
        ask("fetch-loopback-name", "a granted name that leads to this machine",
            "http://{loopback-name}:{ok:port}/", "")
            .allow("http = ['http://{loopback-name}:{ok:port}']").denied("http", "127.0.0.1"),
        to("fetch-server-name", "names the metadata service as the server", "echo",
            ", server-name = '169.254.169.254'").healthy().message("host: 169.254.169.254"),
        to("fetch-redirect", "is redirected to the metadata service", "redirect", ", redirects = 5")
            .denied("http", "169.254.169.254"),
        to("fetch-loop", "is redirected for ever, with 15 cookies of 4 KB each time", "cookie-loop",
            ", redirects = 255").limits("connections = 8").timeout(30_000)
            .unhealthy().message("limits.connections"),
        to("fetch-connect", "sends a CONNECT request", "ok", ", method = 'CONNECT'")
            .unhealthy().message("InvalidRequest"),
        to("fetch-method-foul", "a method with a line break in it",
            "ok", r#", method = "GET / HTTP/1.1\r\nx: y""#).unhealthy().message("InvalidRequest"),
        to("fetch-header-foul", "a header with a line break in it",
            "ok", r#", headers = [["x", "y\r\nz: a"]]"#).unhealthy().message("InvalidRequest"),
        to("fetch-host-header", "a `host` header of its own",
            "ok", ", headers = [['host', 'evil.example.com']]").unhealthy().message("InvalidRequest"),
        to("fetch-length-header", "a `content-length` of its own",
            "ok", ", headers = [['content-length', '1000000']]").unhealthy().message("InvalidRequest"),
        to("fetch-header-flood", "a hundred thousand headers", "ok", ", many = 100_000, size = 10")
            .ends("output"),
        to("fetch-header-large", "a header of 1 MiB", "ok", ", many = 1, size = 1_048_576")
            .unhealthy().message("InvalidRequest"),
        to("fetch-pins", "a hundred thousand pins", "ok", ", pins = 100_000")
            .ends("output"),
        to("fetch-headers", "300 headers", "ok", ", many = 300, size = 10")
            .unhealthy().message("InvalidRequest"),
        to("fetch-body-large", "a body of 64 MiB", "greedy", ", send = 67_108_864")
            .limits("memory = '256MiB'").ends("output"),
        to("fetch-silent", "a server that never answers, with the longest possible timeout", "silent", "")
            .timeout(200).times_out_or_sees_it(),
        to("fetch-drip", "a body that comes byte by byte", "drip", "").timeout(200).times_out_or_sees_it(),
        to("fetch-drip-head", "headers that come byte by byte", "drip-head", "")
            .timeout(200).times_out_or_sees_it(),
        to("fetch-endless-body", "an endless body", "endless", "").healthy().message("truncated"),
        to("fetch-endless-chunks", "an endless body of one-byte chunks", "endless-chunks", "")
            .timeout(300).times_out_or_sees_it(),
        to("fetch-endless-head", "endless headers", "endless-head", "").unhealthy().message(HEAD),
        to("fetch-many-headers", "5,000 headers", "many-headers", "").unhealthy().message(HEAD),
        to("fetch-continues", "endless `100 Continue`", "all-continues", "").unhealthy().message(HEAD),
        to("fetch-hints", "endless `103 Early Hints` with 90 headers", "hints", "")
            .unhealthy().message(HEAD),
        to("fetch-trailers", "endless trailers", "endless-trailers", "").unhealthy().message(HEAD),
        to("fetch-no-http", "a server that does not speak HTTP", "no-http", "")
            .unhealthy().message("not valid HTTP"),
        to("fetch-gzip-bomb", "1 GB in 1 MB of gzip", "gzip-bomb", "").healthy().message("truncated"),
        to("fetch-zstd-bomb", "10 GB in 320 KB of zstd", "zstd-bomb", "").healthy().message("truncated"),
        to("fetch-zstd-window", "a zstd frame with a window of 1 GiB", "zstd-window", "")
            .unhealthy().message(HEAD),
        to("fetch-gzip-empty", "an endless gzip body of empty blocks", "gzip-empty", "")
            .healthy().message("truncated"),
        http2("fetch-h2-pings", "endless pings in HTTP/2", "h2-pings")
            .timeout(500).times_out_or_sees_it(),
        http2("fetch-h2-settings", "endless settings in HTTP/2", "h2-settings")
            .timeout(500).times_out_or_sees_it(),
        http2("fetch-h2-continuations", "endless headers in HTTP/2", "h2-continuations")
            .timeout(2000).unhealthy(),
        http2("fetch-h2-trailers", "endless trailers in HTTP/2", "h2-trailers")
            .timeout(2000).unhealthy(),
        http2("fetch-h2-resets", "a request that is reset at once, and more resets", "h2-resets")
            .timeout(500).unhealthy(),
    ]
}
