//! Guests that reach for the machine itself by a granted name that leads to an address of it.

use crate::hostile::case::{HostileCase, net};

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        net("own-http", "asks the machine itself by a granted name",
            "does = 'http', authority = 'own.test:{own:port}'")
            .allow("http = ['http://own.test:{own:port}']").denied("http", "this machine itself"),
        net("own-tcp", "connects to the machine itself after it has looked a granted name up",
            "does = 'look-up', at = 'own.test', then = '{own}'")
            .allow("names = ['own.test'], tcp = ['own.test:{own:port}']")
            .denied("tcp", "this machine itself"),
        net("own-tls", "has the host connect to the machine itself by a granted name",
            "does = 'tls', host = 'own.test', port = {own:port}")
            .allow("tls = ['own.test:{own:port}']").denied("tcp", "this machine itself"),
        net("own-granted", "asks the machine itself by a name, where its address is granted too",
            "does = 'http', authority = 'own.test:{own:port}'")
            .allow("http = ['http://own.test:{own:port}', 'http://{own}']").healthy(),
    ]
}
