//! Passes inputs of libFuzzer to the fuzz target `gate` of the tests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vitals_tests::fuzz::GATE;

fuzz_target!(init: GATE.add_seeds_to_corpus(), |input: &[u8]| GATE.check(input));
