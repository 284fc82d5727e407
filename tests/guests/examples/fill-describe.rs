//! Makes the host hold requests for it while it is asked for its description.

#![cfg(target_family = "wasm")]

use vitals_test_guests::raw::{Guest, export, healthy, types};
use vitals_test_guests::requests::request;

struct Component;

impl Guest for Component {
    fn describe() -> types::Description {
        let size = |part: &str| match part {
            "header" | "path" => 60_000,
            "body" => 65_536,
            _ => 0,
        };
        let kept: Vec<_> = (0..990).map(|_| request(size)).collect();
        panic!("it kept {} requests", kept.len())
    }

    fn check(_: types::Request) -> Result<types::Outcome, String> {
        Ok(healthy("this is never called"))
    }
}

export!(Component);
