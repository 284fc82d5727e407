//! Every fuzz target for some seconds, always with the same inputs, and before them what failed once.

use vitals_tests::fuzz::{Budget, Campaign, target};
use vitals_tests::guests;

fn bounded(name: &str) {
    let target = target(name).expect("a target");
    let kept_in = guests::root().join("target/fuzz");
    let ended = Campaign::new(target, SEED, &kept_in).run(Budget::Cases(target.cases));
    match ended {
        Ok(summary) => assert!(summary.cases > target.cases, "{summary}"),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn any_bytes_in_the_place_of_a_result() {
    bounded("answers");
}

#[test]
fn any_bytes_as_the_certificates_of_a_server() {
    bounded("chains");
}

#[test]
fn generated_components() {
    bounded("components");
}

#[test]
fn any_text_as_a_configuration() {
    bounded("config");
}

#[test]
fn any_bytes_as_a_plugin() {
    bounded("gate");
}

#[test]
fn any_text_as_a_host_or_a_grant() {
    bounded("hosts");
}

#[test]
fn any_parts_of_an_outcome() {
    bounded("outcomes");
}

#[test]
fn any_schema_with_any_configuration() {
    bounded("schemas");
}

#[test]
fn any_bytes_as_the_name_of_a_function() {
    bounded("symbols");
}

const SEED: u64 = 48;
