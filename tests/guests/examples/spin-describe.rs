//! Never returns its description: the limits must apply while a plugin is loaded, too.

#![cfg(target_family = "wasm")]

use vitals_test_guests::raw::{Guest, export, healthy, types};

struct Component;

impl Guest for Component {
    fn describe() -> types::Description {
        let mut rounds: u64 = 0;
        loop {
            rounds = std::hint::black_box(rounds.wrapping_add(1));
        }
    }

    fn check(_: types::Request) -> Result<types::Outcome, String> {
        Ok(healthy("this is never called"))
    }
}

export!(Component);
