//! Passes inputs of libFuzzer to the fuzz target `outcomes` of the tests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vitals_tests::fuzz::OUTCOMES;

fuzz_target!(init: OUTCOMES.add_seeds_to_corpus(), |input: &[u8]| OUTCOMES.check(input));
