//! Describes its settings with what is no JSON at all.

#![cfg(target_family = "wasm")]

use vitals_test_guests::raw::{Guest, description, export, healthy, types};

struct Component;

impl Guest for Component {
    fn describe() -> types::Description {
        let config_schema = "{ this is no schema".to_owned();
        types::Description {
            config_schema,
            ..description("bad-schema")
        }
    }

    fn check(_: types::Request) -> Result<types::Outcome, String> {
        Ok(healthy("nobody can configure me"))
    }
}

export!(Component);
