//! Why a plugin is rejected, with messages that say what to do.

use super::compile::CompileError;
use super::schema::BindingError;
use vitals_io::regular_file::ReadError;
use vitals_model::{CheckName, Code, Digest, LimitUse, RunError, Text};

/// Why a plugin file was not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read it: {0}")]
    Read(String),
    /// The host could not read the file, for a reason that says nothing about the file.
    #[error("the host could not read it: {0}; it tries again at the next scan")]
    Unread(String),
    /// The file has no bytes.
    #[error(
        "the file is empty; if it is being written, the host reads it again once it is complete"
    )]
    Empty,
    /// The file is larger than the limit.
    #[error("it has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// The size of the file in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file does not start like a WebAssembly file.
    #[error("it is not a WebAssembly file: build it with `cargo build --target wasm32-wasip2`")]
    NotWasm,
    /// The file is a core module, not a component.
    #[error(
        "it is a core module, but vitals runs components: build it for `wasm32-wasip2` instead of \
         `wasm32-wasip1` or `wasm32-unknown-unknown`"
    )]
    CoreModule,
    /// The file is native code that wasmtime compiled before.
    #[error("it is a precompiled artifact; vitals compiles plugins itself: give it the .wasm file")]
    Precompiled,
    /// The digest is not the configured one.
    #[error("its SHA-256 is {found}, the configuration asks for {wanted}")]
    Digest {
        /// The digest of the file.
        found: Digest,
        /// The configured digest.
        wanted: Digest,
    },
    /// The component does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The component exports no health check.
    #[error(
        "it is a component of another world: it exports {exports}, but a check must export {contract}"
    )]
    AnotherWorld {
        /// What the component exports.
        exports: String,
        /// What a check has to export.
        contract: String,
    },
    /// The component uses another version of the contract.
    #[error(
        "it is built against vitals:health@{guest}, this host speaks {host}: build it with the SDK \
         of this host's version, or update the host"
    )]
    Contract {
        /// The guest's version.
        guest: String,
        /// The host's versions, separated by `or`.
        host: String,
    },
    /// The component imports an interface that the host does not offer.
    #[error(
        "it imports {names}, which vitals does not offer: a plugin may import vitals:health and \
         WASI 0.2 (cli, clocks, filesystem, http, io, random, sockets)"
    )]
    Imports {
        /// The unknown imports.
        names: String,
    },
    /// The types of an import or export differ from those of the contract.
    #[error("its interfaces do not fit this host: {0}")]
    Types(Text),
    /// The component exceeds a limit on its shape.
    #[error("it has {count} {what}, the limit is {limit}")]
    Shape {
        /// What is limited: `memories`, `tables` or `core instances`.
        what: &'static str,
        /// The number of them.
        count: u32,
        /// The limit.
        limit: u32,
    },
    /// `describe` failed.
    #[error("its `describe` failed: {}", .0.message)]
    Describe(Box<RunError>),
    /// The result of `describe` violates the contract.
    #[error("{0}")]
    Description(String),
    /// The plugin's schema can't be used.
    #[error("{0}")]
    Schema(BindingError),
    /// The file would widen what a check may reach, through the marks of its schema.
    #[error(
        "it would give check `{check}` more than the previous version did: {grants}; to accept \
         that, change the check's configuration or run `vitals reload --accept-grants {check}`"
    )]
    Widening {
        /// The check.
        check: CheckName,
        /// The additional grants.
        grants: String,
    },
    /// A check that runs on the previous version would not run on this one.
    #[error("{why}")]
    Unfit {
        /// The check.
        check: CheckName,
        /// The reason.
        why: String,
        /// Whether the cause is outside of the file, so that the file may load later.
        is_transient: bool,
        /// Whether the cause lies with the host.
        is_host_error: bool,
    },
    /// The trial run of a check exceeded a limit or failed.
    #[error(
        "the trial run of check `{check}` on it failed with `{}`: {}; `trial = false` in the check \
         accepts a version without a trial run", .error.code.as_str(), .error.message
    )]
    Trial {
        /// The check.
        check: CheckName,
        /// The error of the run.
        error: Box<RunError>,
    },
    /// The host panicked, which says nothing about the file.
    #[error("the host panicked while {0}; it tries again later")]
    Panic(&'static str),
}

impl LoadError {
    /// The code in reports and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read(_) => "read",
            Self::Unread(_) => "unread",
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too-large",
            Self::NotWasm => "not-wasm",
            Self::CoreModule => "core-module",
            Self::Precompiled => "precompiled",
            Self::Digest { .. } => "digest",
            Self::Compile(_) => "compile",
            Self::AnotherWorld { .. } => "another-world",
            Self::Contract { .. } => "contract",
            Self::Imports { .. } => "imports",
            Self::Types(_) => "types",
            Self::Shape { .. } => "shape",
            Self::Describe(_) => "describe",
            Self::Description(_) => "description",
            Self::Schema(_) => "schema",
            Self::Widening { .. } => "widening",
            Self::Unfit { .. } => "unfit",
            Self::Trial { .. } => "trial",
            Self::Panic(_) => "panic",
        }
    }

    /// The error of the guest's run that led to the rejection, if there was one.
    pub fn run_error(&self) -> Option<&RunError> {
        match self {
            Self::Describe(error) | Self::Trial { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether the cause lies with the host (no descriptors, processes or time left) and says
    /// nothing about the file.
    pub fn is_host_error(&self) -> bool {
        match self {
            Self::Unread(_) | Self::Panic(_) => true,
            Self::Compile(error) => error.is_host_error(),
            Self::Describe(error) => matches!(error.code, Code::Host | Code::Full),
            Self::Unfit { is_host_error, .. } => *is_host_error,
            _ => false,
        }
    }

    /// Whether the same file may load at another time, because the cause is not in the file.
    pub fn is_transient(&self) -> bool {
        match self {
            _ if self.is_host_error() => true,
            // Loading code also fails like this if memory is short.
            Self::Read(_) | Self::Compile(CompileError::Unfit(_)) => true,
            Self::Describe(error) => error.code == Code::Timeout,
            Self::Unfit { is_transient, .. } => *is_transient,
            // A run that waited for another system may succeed the next time.
            Self::Trial { error, .. } => error.limit_use() != LimitUse::Exceeded,
            _ => false,
        }
    }

    /// Whether the same file may be accepted with another configuration.
    pub fn depends_on_configuration(&self) -> bool {
        matches!(
            self,
            Self::Digest { .. } | Self::Widening { .. } | Self::Unfit { .. } | Self::Trial { .. }
        )
    }
}

impl From<ReadError> for LoadError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooLarge { size, limit } => Self::TooLarge { size, limit },
            error if error.is_host_error() => Self::Unread(error.to_string()),
            error => Self::Read(error.to_string()),
        }
    }
}
