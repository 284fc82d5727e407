//! The contract without the SDK, for guests that do what the SDK keeps authors from.
//!
//! A guest implements [`Guest`] and says [`export!`](crate::export).

/// The bindings of the world `plugin`, as wit-bindgen makes them.
#[expect(
    clippy::pedantic,
    missing_docs,
    reason = "generated code, which no one reads"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "plugin",
        pub_export_macro: true,
        export_macro_name: "export_plugin",
        default_bindings_module: "vitals_test_guests::raw::bindings",
    });
}

pub use bindings::export_plugin as export;
pub use bindings::exports::vitals::health::health_check::Guest;
pub use bindings::vitals::health::{files, metrics, reporting, system, tls, types};

use types::{Description, Detail, Outcome, Status, Value};

/// A description that is right: a check without settings.
pub fn description(code: &str) -> Description {
    Description {
        code: code.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "A guest of the tests.".to_owned(),
        config_schema: NO_SETTINGS.to_owned(),
        annotations: Vec::new(),
    }
}

/// A healthy outcome with nothing but a message.
pub fn healthy(message: &str) -> Outcome {
    Outcome {
        status: Status::Healthy,
        message: message.to_owned(),
        details: Vec::new(),
        measurements: Vec::new(),
    }
}

/// A detail that is text.
pub fn text(key: &str, value: impl Into<String>) -> Detail {
    Detail {
        key: key.to_owned(),
        value: Value::Text(value.into()),
    }
}

/// A schema that only an empty configuration satisfies.
const NO_SETTINGS: &str = r#"{"type":"object","additionalProperties":false}"#;
