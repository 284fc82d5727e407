//! Calls the contract's metrics without the SDK, as its settings say, and reports the result of
//! each call. Without settings it uses a metric as another version of `metrics` would.

#![cfg(target_family = "wasm")]

use vitals_sdk::Value;
use vitals_test_guests::instructions::any_settings;
use vitals_test_guests::raw::metrics::{self, Label, MetricsError};
use vitals_test_guests::raw::types::{Description, Outcome, Request};
use vitals_test_guests::raw::{Guest, export, healthy, text};

struct Component;

impl Guest for Component {
    fn describe() -> Description {
        any_settings("meter")
    }

    fn check(request: Request) -> Result<Outcome, String> {
        let settings: Value = request.config.parse().unwrap_or_default();
        let Some(calls) = settings["calls"].as_array() else {
            let label = label("kind", "test");
            metrics::gauge_set("runs_total", "Another type.", &[label], 7.0)
                .map_err(|error| error_text(&error))?;
            return Ok(healthy("as another version"));
        };
        let results = |(number, call)| text(&format!("{number:02}"), self::call(call));
        Ok(Outcome {
            details: calls.iter().enumerate().map(results).collect(),
            ..healthy("called")
        })
    }
}

/// Makes one call: `do` is add, set or observe, with `name`, `help`, `labels`, `buckets` and
/// `value`, which is a number, or a word for a number that JSON cannot express.
fn call(args: &Value) -> String {
    let word = |key: &str| args[key].as_str().unwrap_or_default();
    let number = |value: &Value| {
        let word = || value.as_str().and_then(|word| word.parse().ok());
        value.as_f64().or_else(word).unwrap_or_default()
    };
    let all = |key: &str| args[key].as_array().cloned().unwrap_or_default();
    let labels: Vec<_> = all("labels")
        .iter()
        .map(|pair| {
            let part = |at: usize| pair[at].as_str().unwrap_or_default();
            label(part(0), part(1))
        })
        .collect();
    let buckets: Vec<_> = all("buckets").iter().map(number).collect();
    let (name, help, value) = (word("name"), word("help"), number(&args["value"]));
    let taken = match word("do") {
        "add" => metrics::counter_add(name, help, &labels, value),
        "observe" => metrics::histogram_observe(name, help, &labels, &buckets, value),
        _ => metrics::gauge_set(name, help, &labels, value),
    };
    taken.map_or_else(|error| error_text(&error), |()| "taken".to_owned())
}

fn label(name: &str, value: &str) -> Label {
    Label {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn error_text(error: &MetricsError) -> String {
    match error {
        MetricsError::Invalid(why) => format!("invalid: {why}"),
        MetricsError::Conflict(why) => format!("conflict: {why}"),
        MetricsError::TooManySeries => "too many series".to_owned(),
    }
}

export!(Component);
