//! Passes inputs of libFuzzer to the fuzz target `answers` of the tests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vitals_tests::fuzz::ANSWERS;

fuzz_target!(init: ANSWERS.add_seeds_to_corpus(), |input: &[u8]| ANSWERS.check(input));
