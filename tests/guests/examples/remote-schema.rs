//! Describes its settings with a schema that stands somewhere else. Nobody fetches that.

#![cfg(target_family = "wasm")]

use vitals_test_guests::raw::{Guest, description, export, healthy, types};

struct Component;

impl Guest for Component {
    fn describe() -> types::Description {
        let config_schema = r#"{
            "type": "object",
            "properties": {
                "a": { "$ref": "file:///etc/passwd" }
            }
        }"#
        .to_owned();
        types::Description {
            config_schema,
            ..description("remote-schema")
        }
    }

    fn check(_: types::Request) -> Result<types::Outcome, String> {
        Ok(healthy("nobody can configure me"))
    }
}

export!(Component);
