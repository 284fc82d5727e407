//! Fuzz targets: each takes bytes from outside, and panics where a law is broken.
//!
//! libFuzzer drives them in `fuzz/`, guided by coverage; the ordinary tests drive them with their
//! seeds and with inputs made of these (`tests/tests/all/fuzz.rs`). A target must not know by whom it
//! is driven.

mod answers;
mod arena;
mod chains;
mod components;
mod config;
mod contract;
mod gate;
mod hosts;
mod laws;
mod outcomes;
mod schemas;
mod symbols;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use vitals_host::check::Digest;

pub use answers::TARGET as ANSWERS;
pub use chains::TARGET as CHAINS;
pub use components::TARGET as COMPONENTS;
pub use config::TARGET as CONFIG;
pub use gate::TARGET as GATE;
pub use hosts::TARGET as HOSTS;
pub use outcomes::TARGET as OUTCOMES;
pub use schemas::TARGET as SCHEMAS;
pub use symbols::TARGET as SYMBOLS;

use crate::guests;

/// A function that takes bytes from outside, and what is needed to try it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the target in `fuzz/`.
    pub name: &'static str,
    /// How many made-up inputs the ordinary tests try.
    pub cases: u32,
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
    time_limit: Duration,
}

impl Target {
    /// Runs one input.
    ///
    /// # Panics
    ///
    /// A law is broken, or the input takes longer than the time limit of the target, which leaves
    /// room for a busy machine.
    pub fn check(&self, input: &[u8]) {
        let started = Instant::now();
        (self.run)(input);
        let elapsed = started.elapsed();
        assert!(
            elapsed <= self.time_limit,
            "the input took {elapsed:?}, more than {:?}",
            self.time_limit
        );
    }

    /// Inputs to start from: those that the target makes, and the files in `fuzz/seeds/<name>`,
    /// among them each input that once failed.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let files = guests::root().join("fuzz/seeds").join(self.name);
        let mut seeds = (self.seeds)();
        if files.exists() {
            seeds.extend(contents(&files));
        }
        seeds
    }

    /// Adds the seeds to the corpus of libFuzzer, `fuzz/corpus/<name>`.
    pub fn add_seeds_to_corpus(&self) {
        let corpus = guests::root().join("fuzz/corpus").join(self.name);
        fs::create_dir_all(&corpus).expect("the corpus can be written");
        for seed in self.seeds() {
            let file = corpus.join(Digest::of(&seed).short());
            fs::write(file, seed).expect("the corpus can be written");
        }
    }
}

/// The files of a directory, in the order of their names.
fn contents(directory: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("the directory can be read").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| fs::read(file).expect("a seed can be read"))
        .collect()
}
