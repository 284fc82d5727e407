//! Guests of the tests: good ones, odd ones, hostile ones. Each file of `examples/` is one guest,
//! built for `wasm32-wasip2`; what no compiler of guests makes stands as text in `wat/`.
//!
//! This library holds only what the guests share that can't be written with the SDK.

#[cfg(target_family = "wasm")]
pub mod raw;
#[cfg(target_family = "wasm")]
pub mod requests;
#[cfg(target_family = "wasm")]
pub mod told;
