//! Passes inputs of libFuzzer to the fuzz target `symbols` of the tests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vitals_tests::fuzz::SYMBOLS;

fuzz_target!(init: SYMBOLS.add_seeds_to_corpus(), |input: &[u8]| SYMBOLS.check(input));
