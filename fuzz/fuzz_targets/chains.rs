//! Passes inputs of libFuzzer to the fuzz target `chains` of the tests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vitals_tests::fuzz::CHAINS;

fuzz_target!(init: CHAINS.add_seeds_to_corpus(), |input: &[u8]| CHAINS.check(input));
