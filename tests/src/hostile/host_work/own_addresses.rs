//! Guests that reach for the machine itself by a granted name that leads to an address of it.

use super::super::case::HostileCase;
use crate::guests;

fn net(name: &str, does: &'static str, config: &str, allow: &str) -> HostileCase {
    HostileCase::new(name, does)
        .built(guests::HOSTILE_NET)
        .timeout(3000)
        .with(&format!("config = {{ {config} }}\nallow = {{ {allow} }}"))
}

pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        net(
            "own-http",
            "asks the machine itself by a granted name",
            "does = 'http', authority = 'own.test:{own:port}', path = '/'",
            "http = ['http://own.test:{own:port}']",
        )
        .ends("denied")
        .denied("http", "this machine itself"),
        net(
            "own-tcp",
            "connects to the machine itself after it has looked a granted name up",
            "does = 'look-up', at = 'own.test', then = '{own}'",
            "names = ['own.test'], tcp = ['own.test:{own:port}']",
        )
        .ends("denied")
        .denied("tcp", "this machine itself"),
        net(
            "own-tls",
            "has the host connect to the machine itself by a granted name",
            "does = 'tls', host = 'own.test', port = {own:port}",
            "tls = ['own.test:{own:port}']",
        )
        .ends("denied")
        .denied("tls", "this machine itself"),
        net(
            "own-granted",
            "asks the machine itself by a name, where its address is granted too",
            "does = 'http', authority = 'own.test:{own:port}', path = '/'",
            "http = ['http://own.test:{own:port}', 'http://{own}']",
        )
        .survives("healthy"),
    ]
}
