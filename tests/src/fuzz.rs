//! Fuzz targets, each a plain `fn(&[u8])` that panics where a law is broken, and what drives them.
//!
//! Bounded and seeded in the tests (`tests/tests/all/fuzz.rs`), as long as one likes by `cargo xtask
//! fuzz`. There is no feedback from coverage: good inputs and a dictionary lead the mutations
//! instead, and the same seed makes the same inputs on every machine.

mod answers;
mod arena;
mod campaign;
mod chains;
mod components;
mod config;
mod contract;
mod corpus;
mod gate;
mod hosts;
mod laws;
mod mutate;
mod outcomes;
mod schemas;
mod shrink;
mod symbols;

use std::time::Duration;

pub use campaign::{Budget, Campaign, Failure, Summary};

/// One thing that takes bytes from strangers.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What the command line calls it.
    pub name: &'static str,
    /// What it looks at, for a person.
    pub about: &'static str,
    /// Panics where a law is broken.
    pub run: fn(&[u8]),
    /// Good inputs, to be mutated.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that inputs of its kind are made of.
    pub dictionary: &'static [&'static [u8]],
    /// The longest input in bytes.
    pub longest: usize,
    /// How long one input may take at most, on a machine that is busy with other things.
    pub patience: Duration,
    /// How many inputs the tests try.
    pub cases: u64,
}

/// All targets, by name.
pub const TARGETS: [Target; 9] = [
    answers::TARGET,
    chains::TARGET,
    components::TARGET,
    config::TARGET,
    gate::TARGET,
    hosts::TARGET,
    outcomes::TARGET,
    schemas::TARGET,
    symbols::TARGET,
];

/// The target of a name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
