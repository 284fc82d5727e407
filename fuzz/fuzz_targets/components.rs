//! Passes inputs of libFuzzer to the fuzz target `components` of the tests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vitals_tests::fuzz::COMPONENTS;

fuzz_target!(init: COMPONENTS.add_seeds_to_corpus(), |input: &[u8]| COMPONENTS.check(input));
