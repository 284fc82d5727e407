//! Returns details and measurements of every kind, valid and invalid, without the SDK, which makes
//! no invalid ones.

#![cfg(target_family = "wasm")]

use vitals_test_guests::raw::types::{Bound, Detail, Measurement, Value};
use vitals_test_guests::raw::{Guest, description, export, healthy, text, types};

struct Component;

impl Guest for Component {
    fn describe() -> types::Description {
        let config_schema = r#"{
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "case": { "enum": ["valid", "invalid"], "default": "valid" }
            }
        }"#;
        types::Description {
            config_schema: config_schema.to_owned(),
            ..description("measure")
        }
    }

    fn check(request: types::Request) -> Result<types::Outcome, String> {
        // The host has validated the configuration against the schema.
        let (details, measurements) = if request.config.contains("\"invalid\"") {
            invalid()
        } else {
            valid()
        };
        Ok(types::Outcome {
            details,
            measurements,
            ..healthy("measured")
        })
    }
}

fn valid() -> (Vec<Detail>, Vec<Measurement>) {
    let details = vec![
        text("text", "a text"),
        detail("integer", Value::Integer(i64::MIN)),
        detail("decimal", Value::Decimal(0.1)),
        detail("boolean", Value::Boolean(true)),
        detail("json", Value::Json(r#"{"nested":[1,null,"x"]}"#.to_owned())),
    ];
    let measurements = vec![
        Measurement {
            degraded_at: Some(Bound::Above(1.0)),
            unhealthy_at: Some(Bound::Above(5.0)),
            ..measurement("response_time", 0.25, "seconds")
        },
        Measurement {
            unhealthy_at: Some(Bound::Below(0.1)),
            ..measurement("free", 0.5, "ratio")
        },
        measurement("rows", 42.0, ""),
    ];
    (details, measurements)
}

fn invalid() -> (Vec<Detail>, Vec<Measurement>) {
    let details = vec![
        text("twice", "the first"),
        detail("not_a_number", Value::Decimal(f64::NAN)),
        detail("endless", Value::Decimal(f64::NEG_INFINITY)),
        detail("no_json", Value::Json("{\"open\":".to_owned())),
        text("twice", "the last"),
        text("", "an empty key"),
    ];
    let measurements = vec![
        measurement("not_a_number", f64::NAN, ""),
        measurement("endless", f64::INFINITY, ""),
        measurement("Bad Name-1", 1.0, ""),
        measurement("", 1.0, ""),
        measurement(&"long_".repeat(40), 1.0, ""),
        measurement("bad_unit", 1.0, "Milli Seconds per Fortnight"),
        Measurement {
            degraded_at: Some(Bound::Above(f64::NAN)),
            ..measurement("bad_bound", 1.0, "")
        },
        measurement("twice", 1.0, ""),
        measurement("twice", 2.0, ""),
    ];
    (details, measurements)
}

fn detail(key: &str, value: Value) -> Detail {
    Detail {
        key: key.to_owned(),
        value,
    }
}

fn measurement(name: &str, value: f64, unit: &str) -> Measurement {
    let (name, unit) = (name.to_owned(), unit.to_owned());
    Measurement {
        name,
        value,
        unit,
        degraded_at: None,
        unhealthy_at: None,
    }
}

export!(Component);
