//! The contract as Rust types, one module per version of it.
//!
//! A version is frozen once it is released: the linker demands exactly equal types, so a later
//! contract is a module beside this one, never a change of it.

/// `vitals:health@0.1.0`.
pub(super) mod v0_1 {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "plugin",
        imports: {
            "vitals:health/files": async | trappable,
            "vitals:health/system": async | trappable,
            "vitals:health/tls": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        require_store_data_send: true,
        with: { "vitals:health/tls.connection": crate::plugin::tls::Connection },
    });
}

/// The package of the contract, without its version.
pub(super) const PACKAGE: &str = "vitals:health";
/// The version of the contract that this host speaks.
pub(super) const VERSION: &str = "0.1.0";
