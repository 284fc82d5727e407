//! Guests that use HTTP to get where they may not go, and servers that do not answer as they should.

use super::case::{Group, HostileCase, Is};
use crate::guests;

pub(super) const GROUP: Group = Group {
    name: "http",
    about: "The host's client: what is granted, what is sent, what comes back, how long it takes.",
    host: "",
};

/// A request to `{at}`, which is granted; `rest` is added to its settings.
fn to(name: &str, does: &'static str, at: &str, rest: &str) -> HostileCase {
    ask(
        name,
        does,
        &format!("authority = '{{{at}}}', path = '/' {rest}"),
    )
    .with(&format!("allow = {{ http = ['http://{{{at}}}'] }}"))
}

fn ask(name: &str, does: &'static str, config: &str) -> HostileCase {
    let config = format!("config = {{ does = 'http', {config} }}");
    HostileCase::new(name, does)
        .built(guests::HOSTILE_NET)
        .timeout(3000)
        .with(&config)
}

pub(super) fn cases() -> Vec<HostileCase> {
    let new = HostileCase::new;
    vec![
        ask(
            "http-host",
            "asks a host that is not granted",
            "authority = '{ok}', path = '/'",
        )
        .ends("denied")
        .denied("http", "allow.http"),
        ask(
            "http-port",
            "asks another port than is granted",
            "authority = '{ok}', path = '/'",
        )
        .with("allow = { http = ['http://127.0.0.1:1'] }")
        .ends("denied")
        .denied("http", "allow.http"),
        ask(
            "http-scheme",
            "asks by another scheme than is granted",
            "authority = '{ok}', path = '/', scheme = 'https'",
        )
        .with("allow = { http = ['http://{ok}'] }")
        .ends("denied")
        .denied("http", "https://"),
        to(
            "http-scheme-other",
            "asks by a scheme that the host does not speak",
            "ok",
            ", scheme = 'gopher'",
        )
        .survives("unhealthy"),
        to(
            "http-connect",
            "asks for a tunnel",
            "ok",
            ", method = 'CONNECT'",
        )
        .survives("unhealthy"),
        to(
            "http-method-foul",
            "a method with a line break in it",
            "ok",
            r#", method = "GET / HTTP/1.1\r\nx: y""#,
        )
        .survives("unhealthy"),
        ask(
            "http-path-break",
            "a path with a line break in it",
            r#"authority = "{ok}", path = "/ HTTP/1.1\r\nhost: evil\r\n\r\nGET /""#,
        )
        .with("allow = { http = ['http://{ok}'] }")
        .survives("unhealthy"),
        ask(
            "http-absolute",
            "a target in absolute form, to elsewhere",
            "authority = '{echo}', path = 'http://169.254.169.254/latest/'",
        )
        .with("allow = { http = ['http://{echo}'] }")
        .survives("unhealthy"),
        ask(
            "http-user",
            "a granted host where the user stands",
            "authority = '{ok}@{echo}', path = '/'",
        )
        .with("allow = { http = ['http://{ok}'] }")
        .survives("unhealthy"),
        ask(
            "http-user-known",
            "a user before the granted host",
            "authority = 'someone:secret@{ok}', path = '/'",
        )
        .with("allow = { http = ['http://{ok}'] }")
        .survives("unhealthy"),
        ask(
            "http-decimal",
            "this machine as one number",
            "authority = '2130706433:{ok:port}', path = '/'",
        )
        .ends("denied")
        .denied("http", "127.0.0.1"),
        ask(
            "http-octal",
            "this machine with octal zeros",
            "authority = '0177.0.0.1:{ok:port}', path = '/'",
        )
        .ends("denied")
        .denied("http", "127.0.0.1"),
        ask(
            "http-hex",
            "this machine in hexadecimal",
            "authority = '0x7f.1:{ok:port}', path = '/'",
        )
        .ends("denied")
        .denied("http", "127.0.0.1"),
        ask(
            "http-mapped",
            "this machine as IPv4 in IPv6",
            "authority = '[::ffff:127.0.0.1]:{ok:port}', path = '/'",
        )
        .ends("denied")
        .denied("http", "127.0.0.1"),
        ask(
            "http-metadata",
            "the metadata service of a cloud",
            "authority = '169.254.169.254', path = '/latest/'",
        )
        .with("allow = { http = ['http://*.example.com', 'http://localhost:{ok:port}'] }")
        .ends("denied")
        .denied("http", "169.254.169.254"),
        ask(
            "http-loopback-name",
            "a granted name that leads to this machine",
            "authority = '{loopback-name}:{ok:port}', path = '/'",
        )
        .with("allow = { http = ['http://{loopback-name}:{ok:port}'] }")
        .ends("denied")
        .denied("http", "127.0.0.1"),
        ask(
            "http-localhost-dot",
            "`LOCALHOST.`, where `localhost` is granted",
            "authority = 'LOCALHOST.:{ok:port}', path = '/'",
        )
        .with("allow = { http = ['http://localhost:{ok:port}'] }")
        .survives("healthy")
        .message("200"),
        ask(
            "http-wildcard-itself",
            "the name that a wildcard is under",
            "authority = 'example.com', path = '/'",
        )
        .with("allow = { http = ['http://*.example.com'] }")
        .ends("denied")
        .denied("http", "example.com"),
        ask(
            "http-wildcard-suffix",
            "a name that ends like a granted one",
            "authority = 'evil-example.com', path = '/'",
        )
        .with("allow = { http = ['http://example.com', 'http://*.example.com'] }")
        .ends("denied")
        .denied("http", "evil-example.com"),
        to(
            "http-redirect",
            "is sent on to the metadata service",
            "redirect",
            "",
        )
        .survives("healthy")
        .message("302, "),
        to(
            "http-long-url",
            "a target of 1 MiB",
            "ok",
            ", long = 1_048_576",
        )
        .survives("unhealthy"),
        to(
            "http-host-header",
            "a `host` header of its own",
            "echo",
            ", headers = [['host', 'evil.example.com']]",
        )
        .survives("unhealthy")
        .message("Forbidden"),
        to(
            "http-transfer-header",
            "a `transfer-encoding` header of its own",
            "echo",
            ", headers = [['transfer-encoding', 'chunked']]",
        )
        .survives("unhealthy")
        .message("Forbidden"),
        to(
            "http-length-header",
            "a `content-length` that is not so",
            "greedy",
            ", headers = [['content-length', '1000000']]",
        )
        .survives("unhealthy"),
        to(
            "http-header-foul",
            "a header with a line break in it",
            "echo",
            r#", headers = [["x", "y\r\nz: a"]]"#,
        )
        .survives("unhealthy")
        .message("InvalidSyntax"),
        new("http-header-flood", "a hundred thousand headers")
            .built(guests::HOSTILE_NET)
            .timeout(3000)
            .with("config = { does = 'headers', count = 100_000, size = 100 }")
            .ends("trap")
            .message("trapped: total size of fields exceeds limit"),
        new("http-header-100kb", "headers of 100 KB in all")
            .built(guests::HOSTILE_NET)
            .timeout(3000)
            .with("config = { does = 'headers', count = 10, size = 10_000 }")
            .ends("trap")
            .message("trapped: total size of fields exceeds limit"),
        new("http-header-large", "headers of 1 MiB each")
            .built(guests::HOSTILE_NET)
            .timeout(3000)
            .with("config = { does = 'headers', count = 100, size = 1_048_576 }")
            .ends("trap")
            .message("trapped: total size of fields exceeds limit"),
        to(
            "http-silent",
            "a server that says nothing, with all the time there is",
            "silent",
            ", first-byte = 9_223_372_036_854_775_807, connect = 9_223_372_036_854_775_807",
        )
        .timeout(200)
        .times_out_or_sees_it(),
        to("http-stall", "a server that stops half-way", "stall", "")
            .timeout(200)
            .times_out_or_sees_it(),
        to("http-drip", "a body that comes byte by byte", "drip", "")
            .timeout(200)
            .times_out_or_sees_it(),
        to(
            "http-drip-head",
            "headers that come byte by byte",
            "drip-head",
            "",
        )
        .timeout(200)
        .times_out_or_sees_it(),
        to("http-continues", "`100 Continue` for ever", "continues", "")
            .timeout(200)
            .times_out_or_sees_it(),
        to(
            "http-zero-timeout",
            "no time at all for the first byte",
            "silent",
            ", first-byte = 0",
        )
        .timeout(2000)
        .survives("unhealthy")
        .message("HttpResponseTimeout"),
        to("http-endless-body", "a body without an end", "endless", "")
            .survives("unhealthy")
            .message("body size exceeds limit"),
        to(
            "http-endless-chunks",
            "a body of one-byte chunks without an end",
            "endless-chunks",
            "",
        )
        .timeout(300)
        .times_out_or_sees_it(),
        to(
            "http-endless-head",
            "headers without an end",
            "endless-head",
            "",
        )
        .survives("unhealthy"),
        to(
            "http-large-header",
            "one header of 200 KB",
            "large-header",
            "",
        )
        .survives("unhealthy"),
        to("http-many-headers", "5,000 headers", "many-headers", "").survives("unhealthy"),
        to(
            "http-two-lengths",
            "two lengths that differ",
            "two-lengths",
            "",
        )
        .survives("unhealthy"),
        to("http-huge-length", "a length of 16 EiB", "huge-length", "").survives("unhealthy"),
        to("http-early-end", "less than was promised", "early-end", "")
            .survives("unhealthy")
            .message("incomplete HTTP response"),
        to("http-no-http", "something else than HTTP", "no-http", "").survives("unhealthy"),
        to("http-nobody", "a port that nobody listens on", "nobody", "")
            .survives("unhealthy")
            .message("ConnectionRefused"),
        to(
            "http-send-endless",
            "sends without end to who takes it and never answers",
            "greedy",
            ", send = 1_000_000_000_000",
        )
        .timeout(300)
        .with("limits = { fuel = 1_000_000_000_000 }")
        .times_out_or_sees_it(),
        to(
            "http-send-deaf",
            "sends without end to who takes nothing",
            "deaf",
            ", send = 1_000_000_000_000",
        )
        .timeout(300)
        .with("limits = { fuel = 1_000_000_000_000 }")
        .times_out_or_sees_it(),
        new(
            "http-redirect-plugin",
            "the plugin `http` is sent on to the metadata service",
        )
        .built(guests::HTTP)
        .timeout(3000)
        .with("config = { url = 'http://{redirect}/', follow_redirects = 3 }")
        .ends("denied")
        .fact(
            "/error/message",
            Is::Containing(
                "denied: http http://169.254.169.254 (add it to `allow.http` of check `".into(),
            ),
        )
        .fact(
            "/result/denials/0/message",
            Is::Containing("169.254.169.254".into()),
        ),
    ]
}
