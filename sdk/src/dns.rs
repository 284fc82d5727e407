//! Look-ups by the resolver of the machine that the host runs on.
//!
//! In the host a name has to be granted for it; outside of it the machine is asked, or a test's
//! [`World`](crate::testing::World). What a certain server answers is not told here.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use vitals_values::duration_text;

use crate::backend;
use crate::deadline::Limit;

/// The addresses of a name, within `timeout`; `Duration::MAX` leaves it to the run's deadline, which holds in
/// any case. Outside of the host the machine takes what it takes.
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
    backend::look_up(name, limit.deadline).map_err(|problem| Error {
        name: name.to_owned(),
        problem: match problem {
            Problem::Timeout(_) => Problem::Timeout(limit.shown),
            other => other,
        },
    })
}

/// A look-up that failed: `cannot look up db.internal: the host's resolver has no address for it`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    name: String,
    problem: Problem,
}

impl Error {
    /// What went wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Whether the resolver has no address for the name, or could not tell one.
    ///
    /// ```
    /// use vitals_sdk::{dns, testing::World};
    /// use std::time::Duration;
    ///
    /// let world = World::new();
    /// world.name("old.internal").fails(dns::Problem::NotFound);
    /// let gone = world.run(|| dns::look_up("old.internal", Duration::from_secs(2)));
    /// assert!(gone.is_err_and(|error| error.is_not_found()));
    /// ```
    pub fn is_not_found(&self) -> bool {
        self.problem == Problem::NotFound
    }

    /// Whether the operator has not granted it.
    pub fn is_denied(&self) -> bool {
        matches!(self.problem, Problem::Denied(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot look up {}: {}", self.name, self.problem)
    }
}

impl std::error::Error for Error {}

/// What went wrong with a look-up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not granted; the text says so.
    #[error("{0}")]
    Denied(String),
    /// There is no address. The host does not tell a name that there is not from a resolver that failed.
    #[error("the host's resolver has no address for it")]
    NotFound,
    /// It took longer than this.
    #[error("nothing within {}", duration_text(*.0))]
    Timeout(Duration),
    /// Whatever else.
    #[error("{0}")]
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_this_machine_and_another_name_is_none() {
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
