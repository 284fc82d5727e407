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

use std::fs::{self, DirEntry};
use std::io;
use std::time::{Duration, Instant};

use fastrand::Rng;
use vitals_host::check::Digest;

use crate::guests;

/// Bytes in the place of a guest's result, through a run.
pub const ANSWERS: Target = Target::new("answers", answers::run, answers::seeds, 1_500, 20);
/// Certificates of a server, held to bounds, verified and shown.
pub const CHAINS: Target = Target::new("chains", chains::run, chains::seeds, 1_500, 5);
/// Generated components through admission; what loads is run once.
pub const COMPONENTS: Target =
    Target::new("components", components::run, components::seeds, 60, 70);
/// Texts as `vitals.toml`.
pub const CONFIG: Target = Target::new("config", config::run, config::seeds, 3_000, 10);
/// Bytes through admission; what loads is run once.
pub const GATE: Target = Target::new("gate", arena::admit_and_run, gate::seeds, 120, 70);
/// Hosts, URLs and entries of `allow`.
pub const HOSTS: Target = Target::new("hosts", hosts::run, hosts::seeds, 10_000, 5);
/// Parts of an outcome, held to the bounds and shown.
pub const OUTCOMES: Target = Target::new("outcomes", outcomes::run, outcomes::seeds, 800, 10);
/// A schema and a configuration, a zero byte between them.
pub const SCHEMAS: Target = Target::new("schemas", schemas::run, schemas::seeds, 2_000, 10);
/// Names of functions on a stack, mangled or not.
pub const SYMBOLS: Target = Target::new("symbols", symbols::run, symbols::seeds, 10_000, 5);

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
    const fn new(
        name: &'static str,
        run: fn(&[u8]),
        seeds: fn() -> Vec<Vec<u8>>,
        cases: u32,
        seconds: u64,
    ) -> Self {
        Self {
            name,
            cases,
            run,
            seeds,
            time_limit: Duration::from_secs(seconds),
        }
    }

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
        let directory = guests::root().join("fuzz/seeds").join(self.name);
        let entries = fs::read_dir(directory).into_iter().flatten();
        let entry = |entry: io::Result<DirEntry>| entry.expect("a seed can be read").path();
        let mut files: Vec<_> = entries.map(entry).collect();
        files.sort();
        let content = |file| fs::read(file).expect("a seed can be read");
        let files = files.into_iter().map(content);
        (self.seeds)().into_iter().chain(files).collect()
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

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Rng::with_seed(seed);
    (0..length).map(|_| random.u8(..)).collect()
}
