//! Passes inputs of libFuzzer to the fuzz target `schemas` of the tests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vitals_tests::fuzz::SCHEMAS;

fuzz_target!(init: SCHEMAS.add_seeds_to_corpus(), |input: &[u8]| SCHEMAS.check(input));
