//! Imports an interface that no vitals host has, in addition to everything in the contract.

#![cfg(target_family = "wasm")]
#![expect(
    clippy::pedantic,
    unsafe_code,
    reason = "generated code, with an import that the SDK does not know"
)]

mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package test:guest;
            world guest {
                include vitals:health/plugin@0.1.0;
                import acme:thing/api@1.0.0;
            }
            package acme:thing@1.0.0 {
                interface api {
                    ping: func() -> string;
                }
            }
        ",
        world: "test:guest/guest",
        generate_all,
    });
}

use bindings::exports::vitals::health::health_check::{Description, Guest, Outcome, Request};
use bindings::vitals::health::types::Status;

struct Component;

impl Guest for Component {
    fn describe() -> Description {
        Description {
            code: "wants-thing".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "Imports an interface that no host has.".to_owned(),
            config_schema: "{}".to_owned(),
            annotations: Vec::new(),
        }
    }

    fn check(_: Request) -> Result<Outcome, String> {
        Ok(Outcome {
            status: Status::Healthy,
            message: bindings::acme::thing::api::ping(),
            details: Vec::new(),
            measurements: Vec::new(),
        })
    }
}

bindings::export!(Component with_types_in bindings);
