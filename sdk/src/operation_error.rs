//! The form of most errors of the SDK: `cannot`, the operation, and the problem with it.
//!
//! This module knows no problems: each module defines its own. `tcp` and `udp` have the kinds of
//! `std::io` instead.

/// Defines `Error` for the `Problem` in scope.
macro_rules! operation_error {
    ($(#[$doc:meta])*) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Error {
            /// To follow "cannot".
            operation: String,
            problem: Problem,
        }

        impl Error {
            pub(crate) fn new(operation: String, problem: Problem) -> Self {
                Self { operation, problem }
            }

            /// Returns what went wrong.
            pub fn problem(&self) -> &Problem {
                &self.problem
            }
        }

        impl std::fmt::Display for Error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "cannot {}: {}", self.operation, self.problem)
            }
        }

        impl std::error::Error for Error {}
    };
}

pub(crate) use operation_error;

/// The problem outside the host, for the author of a test. A component never has it.
#[cfg(not(target_family = "wasm"))]
pub(crate) const NO_HOST: &str =
    "this works only in the vitals host; in a test, call it in `World::run`";
#[cfg(target_family = "wasm")]
pub(crate) const NO_HOST: &str = "";
