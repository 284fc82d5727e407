//! Why a file is no plugin that this host can run, in words that say what to do about it.

use super::compile::CompileError;
use super::schema::BindingError;
use vitals_io::regular_file::ReadError;
use vitals_model::{CheckName, Code, Digest, LimitUse, RunError, Text};

/// Why a file is no plugin that this host can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read it: {0}")]
    Read(String),
    /// The host could not read the file; that says nothing of the file.
    #[error("the host could not read it: {0}; it tries again at the next look")]
    Unread(String),
    /// The file has no bytes.
    #[error("the file is empty; if it is being written, it is read again when that is done")]
    Empty,
    /// The file is larger than a plugin may be.
    #[error("it has {size} bytes, a plugin may have {limit}")]
    TooLarge {
        /// The size of the file.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The file does not begin as WebAssembly does.
    #[error("it is no WebAssembly file: build it with `cargo build --target wasm32-wasip2`")]
    NotWasm,
    /// The file is a core module, not a component.
    #[error(
        "it is a core module, vitals runs components: build it for `wasm32-wasip2` instead of \
         `wasm32-wasip1` or `wasm32-unknown-unknown`"
    )]
    CoreModule,
    /// The file is native code that some wasmtime compiled before.
    #[error("it is a precompiled artifact; vitals compiles plugins itself: give it the .wasm file")]
    Precompiled,
    /// The digest is not the one that the configuration asks for.
    #[error("its SHA-256 is {found}, the configuration asks for {wanted}")]
    Digest {
        /// What the file has.
        found: Digest,
        /// What the configuration wants.
        wanted: Digest,
    },
    /// The component was not compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The component exports no health check.
    #[error("it is a component of another world: it exports {exports}, a check exports {contract}")]
    AnotherWorld {
        /// What it exports.
        exports: String,
        /// What it would have to.
        contract: String,
    },
    /// The component speaks another version of the contract.
    #[error(
        "it is built against vitals:health@{guest}, this host speaks {host}: build it with the SDK \
         of this host's version, or update the host"
    )]
    Contract {
        /// The guest's version.
        guest: String,
        /// The host's, with `or` between them.
        host: String,
    },
    /// The component imports something that the host does not have.
    #[error(
        "it imports {names}, which vitals does not offer: a plugin may import vitals:health and \
         WASI 0.2 (cli, clocks, filesystem, http, io, random, sockets)"
    )]
    Imports {
        /// What it imports beyond what there is.
        names: String,
    },
    /// The types of an import or export are not those of the contract.
    #[error("its interfaces do not fit this host: {0}")]
    Types(Text),
    /// The component has more memories, tables or core instances than one may have.
    #[error("it has {count} {what}, a plugin may have {limit}")]
    Shape {
        /// `memories`, `tables` or `core instances`.
        what: &'static str,
        /// How many it has.
        count: u32,
        /// How many are allowed.
        limit: u32,
    },
    /// `describe` did not answer.
    #[error("its `describe` failed: {}", .0.message)]
    Describe(Box<RunError>),
    /// `describe` answered with something that the contract does not allow.
    #[error("{0}")]
    Description(String),
    /// The plugin's schema can't be used.
    #[error("{0}")]
    Schema(BindingError),
    /// The file would widen what a check may reach, by the marks of its schema.
    #[error(
        "it would give check `{check}` more than the version before it did: {grants}; if that is \
         meant, change the check's configuration, or `vitals reload --accept-grants {check}`"
    )]
    Widening {
        /// The check that would get more.
        check: CheckName,
        /// What it would get.
        grants: String,
    },
    /// A check that runs on the version before would not run on this one.
    #[error("{why}")]
    Unfit {
        /// The check.
        check: CheckName,
        /// Why it would not.
        why: String,
        /// Whether that lies in something outside, which may come right by itself.
        may_pass: bool,
        /// Whether it is the host's own trouble.
        is_of_host: bool,
    },
    /// The trial run of a check was ended by a limit, or broke down.
    #[error(
        "the trial run of check `{check}` on it failed with `{}`: {}; `trial = false` in the check \
         takes a version without one", .error.code.as_str(), .error.message
    )]
    Trial {
        /// The check.
        check: CheckName,
        /// How the run ended.
        error: Box<RunError>,
    },
    /// The host's own code panicked over the file; that says nothing of the file.
    #[error("the host panicked while {0}; it tries again later")]
    Panic(&'static str),
}

impl LoadError {
    /// The word for it in reports.
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

    /// How the run of the guest ended that speaks against the file, if it is one that does.
    pub fn run_error(&self) -> Option<&RunError> {
        match self {
            Self::Describe(error) | Self::Trial { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether it is the host's own trouble (it has no descriptors, processes or time left), and says
    /// nothing of the file.
    pub fn is_of_host(&self) -> bool {
        match self {
            Self::Unread(_) | Self::Panic(_) => true,
            Self::Compile(error) => error.is_of_host(),
            Self::Describe(error) => matches!(error.code, Code::Host | Code::Full),
            Self::Unfit { is_of_host, .. } => *is_of_host,
            _ => false,
        }
    }

    /// Whether the same file may be loaded at another time: what failed was not in it.
    pub fn may_pass(&self) -> bool {
        match self {
            _ if self.is_of_host() => true,
            // Loading is refused in the same way where memory is short.
            Self::Read(_) | Self::Compile(CompileError::Unfit(_)) => true,
            Self::Describe(error) => error.code == Code::Timeout,
            Self::Unfit { may_pass, .. } => *may_pass,
            // Who waits for somebody else may be answered the next time.
            Self::Trial { error, .. } => error.limit_use() != LimitUse::Exceeded,
            _ => false,
        }
    }

    /// Whether the same file may be taken under another configuration.
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
            error if error.is_of_host() => Self::Unread(error.to_string()),
            error => Self::Read(error.to_string()),
        }
    }
}
