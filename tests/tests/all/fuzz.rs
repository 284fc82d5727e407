//! Every fuzz target with its seeds, among them each input that once failed, and with inputs made of
//! these; the same ones in each run.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use vitals_tests::fuzz::{
    ANSWERS, CHAINS, COMPONENTS, CONFIG, GATE, HOSTS, OUTCOMES, SCHEMAS, SYMBOLS, Target,
};
use vitals_tests::guests;

#[test]
fn any_bytes_in_the_place_of_a_result() {
    hold_to_laws(&ANSWERS);
}

#[test]
fn any_bytes_as_the_certificates_of_a_server() {
    hold_to_laws(&CHAINS);
}

#[test]
fn generated_components() {
    hold_to_laws(&COMPONENTS);
}

#[test]
fn any_text_as_a_configuration() {
    hold_to_laws(&CONFIG);
}

#[test]
fn any_bytes_as_a_plugin() {
    hold_to_laws(&GATE);
}

#[test]
fn any_text_as_a_host_or_a_grant() {
    hold_to_laws(&HOSTS);
}

#[test]
fn any_parts_of_an_outcome() {
    hold_to_laws(&OUTCOMES);
}

#[test]
fn any_schema_with_any_configuration() {
    hold_to_laws(&SCHEMAS);
}

#[test]
fn any_bytes_as_the_name_of_a_function() {
    hold_to_laws(&SYMBOLS);
}

fn hold_to_laws(target: &Target) {
    let seeds = target.seeds();
    for seed in &seeds {
        target.check(seed);
    }
    let config = Config {
        cases: target.cases,
        failure_persistence: None,
        ..Config::default()
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let tried = runner.run(&inputs(seeds), |input| {
        target.check(&input);
        Ok(())
    });
    if let Err(TestError::Fail(why, input)) = tried {
        let file = guests::root().join(format!("target/fuzz-{}", target.name));
        fs::write(&file, &input).expect("target can be written");
        panic!(
            "{why}\nmend it, and move the input {} to fuzz/seeds/{}",
            file.display(),
            target.name
        );
    }
    tried.expect("no input is rejected");
}

/// Seeds with pieces changed, removed, and put in.
fn inputs(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let pieces = seeds.clone();
    let piece =
        (any::<Index>(), any::<Index>(), 0..64_usize).prop_map(move |(seed, at, length)| {
            let seed = seed.get(&pieces);
            let at = at.index(seed.len() + 1);
            seed[at..(at + length).min(seed.len())].to_vec()
        });
    let noise = vec(any::<u8>(), 0..16);
    // Where, how many bytes go, and what stands there instead.
    let edit = (any::<Index>(), 0..16_usize, prop_oneof![piece, noise]);
    (any::<Index>(), vec(edit, 0..16)).prop_map(move |(seed, edits)| {
        let mut input = seed.get(&seeds).clone();
        for (at, removed, piece) in edits {
            let at = at.index(input.len() + 1);
            let end = (at + removed).min(input.len());
            input.splice(at..end, piece);
        }
        input
    })
}
