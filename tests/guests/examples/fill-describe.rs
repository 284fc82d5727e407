//! Makes the host hold requests for it while it is asked for its description.

#![cfg(target_family = "wasm")]

use vitals_test_guests::raw::{Guest, export, healthy, types};
use vitals_test_guests::requests::{Parts, request};

struct Component;

impl Guest for Component {
    fn describe() -> types::Description {
        let parts = Parts {
            header: 60_000,
            path: 60_000,
            body: 65_536,
            ..Parts::default()
        };
        let kept: Vec<_> = (0..990).map(|_| request(parts)).collect();
        panic!("it kept {} requests", kept.len())
    }

    fn check(_: types::Request) -> Result<types::Outcome, String> {
        Ok(healthy("this is never called"))
    }
}

export!(Component);
