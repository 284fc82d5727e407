//! What a check reaches outside of itself, one implementation for each place that it runs in.
//!
//! `wasi` speaks to the host through the contract and WASI, `native` looks into a test's world, or says
//! that there is no host. Both offer the same functions: this is the only fork between the two in the
//! crate.

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
mod wasi;

#[cfg(not(target_family = "wasm"))]
pub(crate) use native::machine::{disk_usage, entries, load_average, memory_usage, read, stat};
#[cfg(not(target_family = "wasm"))]
pub(crate) use native::time::{instant, sleep, system_time};
#[cfg(not(target_family = "wasm"))]
pub(crate) use native::{
    TcpConnection, TlsConnection, UdpConnection, capture, counter_add, exchange, gauge_set,
    histogram_observe, log, look_up,
};
#[cfg(target_family = "wasm")]
pub(crate) use wasi::machine::{disk_usage, entries, load_average, memory_usage, read, stat};
#[cfg(target_family = "wasm")]
pub(crate) use wasi::time::{instant, sleep, system_time};
#[cfg(target_family = "wasm")]
pub(crate) use wasi::{
    TcpConnection, TlsConnection, UdpConnection, capture, counter_add, exchange, gauge_set,
    histogram_observe, log, look_up,
};

/// The contract, as wit-bindgen reads it from `wit/`.
#[cfg(target_family = "wasm")]
#[expect(clippy::same_length_and_capacity, reason = "generated code")]
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "plugin",
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "::vitals_sdk::__private::bindings",
    });
}
