//! Look-ups by the resolver of the host's machine.
//!
//! In the host, a name must be granted. Outside the host, the machine's resolver is asked, or a
//! test's [`World`](crate::testing::World). To query a specific server, use [`udp`](crate::udp) or
//! [`tcp`](crate::tcp).

use std::net::IpAddr;
use std::time::Duration;

use vitals_values::duration_text;

use crate::backend;
use crate::deadline::Limit;
use crate::operation_error::operation_error;

/// Returns the addresses of a name within `timeout`. `Duration::MAX` means until the run's
/// deadline, which always applies. Outside the host the machine's resolver does not observe the
/// timeout.
///
/// ```no_run
/// use vitals_sdk::prelude::*;
///
/// # fn example() -> Result<()> {
/// let addresses = dns::look_up("db.internal", Duration::from_secs(2))?;
/// # Ok(())
/// # }
/// ```
pub fn look_up(name: &str, timeout: Duration) -> Result<Vec<IpAddr>, Error> {
    let limit = Limit::new(timeout);
    backend::look_up(name, limit.deadline).map_err(|problem| {
        let problem = match problem {
            Problem::Timeout(_) => Problem::Timeout(limit.shown),
            other => other,
        };
        Error::new(format!("look up {name}"), problem)
    })
}

operation_error! {
    /// A look-up that failed:
    /// `cannot look up db.internal: the host's resolver has no address for it`.
}

impl Error {
    /// Returns whether the resolver has no address for the name, or could not determine one.
    ///
    /// ```
    /// use vitals_sdk::{dns, testing::World};
    /// use std::time::Duration;
    ///
    /// let world = World::new();
    /// world.dns("old.internal").fails(dns::Problem::NotFound);
    /// let gone = world.run(|| dns::look_up("old.internal", Duration::from_secs(2)));
    /// assert!(gone.is_err_and(|error| error.is_not_found()));
    /// ```
    pub fn is_not_found(&self) -> bool {
        self.problem == Problem::NotFound
    }

    /// Returns whether the operator has not granted the name.
    pub fn is_denied(&self) -> bool {
        matches!(self.problem, Problem::Denied(_))
    }
}

/// What went wrong with a look-up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The name is not granted; the text says what to grant.
    #[error("{0}")]
    Denied(String),
    /// The name has no address. The host does not distinguish a name that does not exist from a
    /// resolver that failed.
    #[error("the host's resolver has no address for it")]
    NotFound,
    /// The look-up exceeded this timeout.
    #[error("timed out after {}", duration_text(*.0))]
    Timeout(Duration),
    /// Another error.
    #[error("{0}")]
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_resolves_and_an_invalid_name_does_not() {
        let found = look_up("localhost", Duration::MAX).unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback));
        let error = look_up("no such name.invalid", Duration::MAX).unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(
            error.to_string(),
            "cannot look up no such name.invalid: the host's resolver has no address for it"
        );
    }
}
