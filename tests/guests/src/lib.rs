//! Guests of the tests: valid, unusual and hostile ones. Each file in `examples/` is one guest,
//! built for `wasm32-wasip2`; guests that no compiler produces are text in `wat/`.
//!
//! This library holds only what guests share and the SDK cannot express.

#[cfg(target_family = "wasm")]
pub mod instructions;
#[cfg(target_family = "wasm")]
pub mod raw;
#[cfg(target_family = "wasm")]
pub mod requests;
