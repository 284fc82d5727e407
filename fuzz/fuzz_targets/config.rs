//! Passes inputs of libFuzzer to the fuzz target `config` of the tests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vitals_tests::fuzz::CONFIG;

fuzz_target!(init: CONFIG.add_seeds_to_corpus(), |input: &[u8]| CONFIG.check(input));
