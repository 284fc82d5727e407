//! Guests that use HTTP to get where they may not go, and servers that do not answer as they
//! should.

use super::case::{Group, HostileCase, Is, built, net};
use crate::guests;

pub(super) const GROUP: Group = Group::new(
    "http",
    "The HTTP client of the host: grants, requests, responses and deadlines.",
);

/// A request with these settings.
fn ask(name: &'static str, does: &'static str, settings: &str) -> HostileCase {
    net(name, does, &format!("does = 'http', {settings}"))
}

/// A request to `{at}`, which is granted, with more settings.
fn to(name: &'static str, does: &'static str, at: &str, more: &str) -> HostileCase {
    let case = ask(name, does, &format!("authority = '{{{at}}}'{more}"));
    case.allow(&format!("http = ['http://{{{at}}}']"))
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let headers = |name, does, settings: &str| {
        net(name, does, &format!("does = 'headers', {settings}"))
            .ends("trap").message("trapped: total size of fields exceeds limit")
    };
    vec![
        ask("http-host", "requests a host that is not granted", "authority = '{ok}'")
            .denied("http", "allow.http"),
        ask("http-port", "requests a port that is not granted", "authority = '{ok}'")
            .allow("http = ['http://127.0.0.1:1']").denied("http", "allow.http"),
        ask("http-scheme", "uses a scheme that is not granted", "authority = '{ok}', scheme = 'https'")
            .allow("http = ['http://{ok}']").denied("http", "https://"),
        to("http-scheme-other", "uses a scheme that the host does not support", "ok", ", scheme = 'gopher'")
            .unhealthy(),
        to("http-connect", "sends a CONNECT request", "ok", ", method = 'CONNECT'").unhealthy(),
        to("http-method-foul", "a method with a line break in it",
            "ok", r#", method = "GET / HTTP/1.1\r\nx: y""#).unhealthy(),
        to("http-path-break", "a path with a line break in it",
            "ok", r#", path = "/ HTTP/1.1\r\nhost: evil\r\n\r\nGET /""#).unhealthy(),
        to("http-absolute", "a target in absolute form, with another host",
            "echo", ", path = 'http://169.254.169.254/latest/'").unhealthy(),
        ask("http-user", "a granted host in the place of the user", "authority = '{ok}@{echo}'")
            .allow("http = ['http://{ok}']").unhealthy(),
        ask("http-user-known", "a user before the granted host", "authority = 'someone:secret@{ok}'")
            .allow("http = ['http://{ok}']").unhealthy(),
        ask("http-decimal", "this machine as one number", "authority = '2130706433:{ok:port}'")
            .denied("http", "127.0.0.1"),
        ask("http-octal", "this machine with octal zeros", "authority = '0177.0.0.1:{ok:port}'")
            .denied("http", "127.0.0.1"),
        ask("http-hex", "this machine in hexadecimal", "authority = '0x7f.1:{ok:port}'")
            .denied("http", "127.0.0.1"),
        ask("http-mapped", "this machine as IPv4 in IPv6", "authority = '[::ffff:127.0.0.1]:{ok:port}'")
            .denied("http", "127.0.0.1"),
        ask("http-metadata", "the metadata service of a cloud",
            "authority = '169.254.169.254', path = '/latest/'")
            .allow("http = ['http://*.example.com', 'http://localhost:{ok:port}']")
            .denied("http", "169.254.169.254"),
        ask("http-loopback-name", "a granted name that leads to this machine",
            "authority = '{loopback-name}:{ok:port}'")
            .allow("http = ['http://{loopback-name}:{ok:port}']").denied("http", "127.0.0.1"),
        ask("http-localhost-dot", "`LOCALHOST.`, where `localhost` is granted",
            "authority = 'LOCALHOST.:{ok:port}'")
            .allow("http = ['http://localhost:{ok:port}']").healthy().message("200"),
        ask("http-wildcard-itself", "the parent name of a wildcard", "authority = 'example.com'")
            .allow("http = ['http://*.example.com']").denied("http", "example.com"),
        ask("http-wildcard-suffix", "a name that ends like a granted one", "authority = 'evil-example.com'")
            .allow("http = ['http://example.com', 'http://*.example.com']")
            .denied("http", "evil-example.com"),
        to("http-redirect", "is redirected to the metadata service", "redirect", "")
            .healthy().message("302, "),
        to("http-long-url", "a target of 1 MiB", "ok", ", long = 1_048_576").unhealthy(),
        to("http-host-header", "a `host` header of its own",
            "echo", ", headers = [['host', 'evil.example.com']]").unhealthy().message("Forbidden"),
        to("http-transfer-header", "a `transfer-encoding` header of its own",
            "echo", ", headers = [['transfer-encoding', 'chunked']]").unhealthy().message("Forbidden"),
        to("http-length-header", "a wrong `content-length`",
            "greedy", ", headers = [['content-length', '1000000']]").unhealthy(),
        to("http-header-foul", "a header with a line break in it",
            "echo", r#", headers = [["x", "y\r\nz: a"]]"#).unhealthy().message("InvalidSyntax"),
        headers("http-header-flood", "a hundred thousand headers", "count = 100_000, size = 100"),
        headers("http-header-100kb", "headers of 100 KB in all", "count = 10, size = 10_000"),
        headers("http-header-large", "headers of 1 MiB each", "count = 100, size = 1_048_576"),
        to("http-silent", "a server that never answers, with the longest possible timeout", "silent",
            ", first-byte = 9_223_372_036_854_775_807, connect = 9_223_372_036_854_775_807")
            .timeout(200).times_out_or_sees_it(),
        to("http-stall", "a server that stops half-way", "stall", "").timeout(200).times_out_or_sees_it(),
        to("http-drip", "a body that comes byte by byte", "drip", "").timeout(200).times_out_or_sees_it(),
        to("http-drip-head", "headers that come byte by byte", "drip-head", "")
            .timeout(200).times_out_or_sees_it(),
        to("http-continues", "endless `100 Continue`", "continues", "")
            .timeout(200).times_out_or_sees_it(),
        to("http-zero-timeout", "a timeout of zero for the first byte", "silent", ", first-byte = 0")
            .timeout(2000).unhealthy().message("HttpResponseTimeout"),
        to("http-endless-body", "an endless body", "endless", "")
            .unhealthy().message("body size exceeds limit"),
        to("http-endless-chunks", "an endless body of one-byte chunks", "endless-chunks", "")
            .timeout(300).times_out_or_sees_it(),
        to("http-endless-head", "endless headers", "endless-head", "").unhealthy(),
        to("http-large-header", "one header of 200 KB", "large-header", "").unhealthy(),
        to("http-many-headers", "5,000 headers", "many-headers", "").unhealthy(),
        to("http-two-lengths", "two lengths that differ", "two-lengths", "").unhealthy(),
        to("http-huge-length", "a length of 16 EiB", "huge-length", "").unhealthy(),
        to("http-early-end", "a shorter body than announced", "early-end", "")
            .unhealthy().message("incomplete HTTP response"),
        to("http-no-http", "a server that does not speak HTTP", "no-http", "").unhealthy(),
        to("http-nobody", "a port that nobody listens on", "nobody", "")
            .unhealthy().message("ConnectionRefused"),
        to("http-send-endless", "sends an endless body to a server that reads it and never answers",
            "greedy", ", send = 1_000_000_000_000").endless_fuel().timeout(300).times_out_or_sees_it(),
        to("http-send-deaf", "sends an endless body to a server that reads nothing",
            "deaf", ", send = 1_000_000_000_000").endless_fuel().timeout(300).times_out_or_sees_it(),
        built("http-redirect-plugin", "the plugin `http` is sent on to the metadata service", guests::HTTP)
            .config("url = 'http://{redirect}/', follow_redirects = 3").timeout(3000).ends("denied")
            .fact("/error/message", Is::Containing(
                "denied: http http://169.254.169.254 (add it to `allow.http` of check `"))
            .fact("/result/denials/0/message", Is::Containing("169.254.169.254")),
    ]
}
