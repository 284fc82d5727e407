//! Passes inputs of libFuzzer to the fuzz target `hosts` of the tests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vitals_tests::fuzz::HOSTS;

fuzz_target!(init: HOSTS.add_seeds_to_corpus(), |input: &[u8]| HOSTS.check(input));
