//! The versions of the contract that this host supports: one module with types and conversions for
//! each.
//!
//! A version is frozen once it is released, because the linker demands exactly equal types. A later
//! version is another module and another arm of [`ContractVersion`] and [`PluginPre`]. Nothing
//! outside this directory names a version.

/// Converts types of the host to those of a version whose fields have the same names.
macro_rules! convert_fields {
    ($($type:ident { $($field:ident),* })*) => {$(
        impl From<crate::contract::$type> for $type {
            fn from(value: crate::contract::$type) -> Self {
                let crate::contract::$type { $($field),* } = value;
                Self { $($field: $field.into()),* }
            }
        }
    )*};
}

/// Converts types of the host to those of a version whose cases have the same names.
macro_rules! convert_cases {
    ($($type:ident { $($case:ident $(($inner:ident))?),* })*) => {$(
        impl From<crate::contract::$type> for $type {
            fn from(value: crate::contract::$type) -> Self {
                match value {
                    $(crate::contract::$type::$case $(($inner))? => Self::$case $(($inner.into()))?),*
                }
            }
        }
    )*};
}

mod v0_1;

use wasmtime::Store;
use wasmtime::component::{InstancePre, Linker};

use super::contract::{CheckAnswer, CheckRequest, RawDescription};
use super::state::State;

/// The package of the contract, without its version.
pub(super) const PACKAGE: &str = "vitals:health";

/// A version of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContractVersion {
    V0_1,
}

impl ContractVersion {
    /// All supported versions, oldest first.
    pub(super) const ALL: [Self; 1] = [Self::V0_1];

    /// The version in the form of the package: `0.1.0`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::V0_1 => v0_1::VERSION,
        }
    }

    /// The interfaces of the package that a component of this version may import.
    pub(super) fn interfaces(self) -> &'static [&'static str] {
        match self {
            Self::V0_1 => v0_1::INTERFACES,
        }
    }

    pub(super) fn prepare(self, component: InstancePre<State>) -> wasmtime::Result<PluginPre> {
        Ok(match self {
            Self::V0_1 => PluginPre::V0_1(v0_1::PluginPre::new(component)?),
        })
    }
}

/// A linked component, ready for any number of instances.
#[derive(Clone)]
pub(super) enum PluginPre {
    V0_1(v0_1::PluginPre<State>),
}

impl PluginPre {
    pub(super) fn version(&self) -> ContractVersion {
        match self {
            Self::V0_1(_) => ContractVersion::V0_1,
        }
    }

    /// Makes an instance without calling it.
    pub(super) async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<()> {
        match self {
            Self::V0_1(plugin) => plugin.instantiate_async(store).await.map(drop),
        }
    }

    /// Makes an instance and calls `describe`.
    pub(super) async fn describe(
        &self,
        store: &mut Store<State>,
    ) -> wasmtime::Result<RawDescription> {
        match self {
            Self::V0_1(plugin) => v0_1::describe(plugin, store).await,
        }
    }

    /// Makes an instance and calls `check`.
    pub(super) async fn check(
        &self,
        store: &mut Store<State>,
        request: &CheckRequest<'_>,
    ) -> wasmtime::Result<CheckAnswer> {
        match self {
            Self::V0_1(plugin) => v0_1::check(plugin, store, request).await,
        }
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    v0_1::add_to_linker(linker)
}
