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
use crate::net::Family;
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
    look_up_with(name, Family::Any, timeout)
}

/// Returns the addresses of one family like [`look_up`].
///
/// ```
/// use vitals_sdk::net::Family;
/// use vitals_sdk::prelude::*;
/// use vitals_sdk::testing::World;
///
/// let world = World::new();
/// world.dns("db.internal").resolves_to(&["10.0.0.5"]);
/// let look_up = |family| world.run(|| dns::look_up_with("db.internal", family, Duration::MAX));
/// assert_eq!(look_up(Family::Ipv4)?.len(), 1);
/// assert_eq!(look_up(Family::Ipv6).unwrap_err().problem(), &dns::Problem::NoData);
/// # Ok::<(), Error>(())
/// ```
pub fn look_up_with(name: &str, family: Family, timeout: Duration) -> Result<Vec<IpAddr>, Error> {
    let limit = Limit::new(timeout);
    backend::look_up(name, family, limit.deadline).map_err(|problem| {
        let problem = match problem {
            Problem::Timeout(_) => Problem::Timeout(limit.shown),
            other => other,
        };
        Error::new(format!("look up {name}"), problem)
    })
}

operation_error! {
    /// A look-up that failed: `cannot look up db.internal: the name does not exist`.
}

impl Error {
    /// Returns whether it is known that the name has no address: it does not exist, or has none of
    /// the family. A resolver that did not answer knows nothing about the name.
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
        matches!(self.problem, Problem::NotFound | Problem::NoData)
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
    /// The name does not exist.
    #[error("the name does not exist")]
    NotFound,
    /// The name exists, but has no address of the family.
    #[error("the name has no address")]
    NoData,
    /// No resolver answered, or none could find out. This says nothing about the name.
    #[error("no resolver answered, or none could find out")]
    TryAgain,
    /// The look-up exceeded this timeout.
    #[error("timed out after {}", duration_text(*.0))]
    Timeout(Duration),
    /// Another error.
    #[error("{0}")]
    Failed(String),
}

#[cfg(not(target_family = "wasm"))]
impl Problem {
    /// Interprets the error of the machine's resolver. `std` passes on only its text.
    pub(crate) fn of_machine(error: &std::io::Error) -> Self {
        let text = error.to_string();
        if text.contains("Temporary failure") {
            Self::TryAgain
        } else if text.contains("No address associated") {
            Self::NoData
        } else {
            Self::NotFound
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_that_does_not_answer_knows_nothing_about_the_name() {
        for (text, problem) in [
            ("Temporary failure in name resolution", Problem::TryAgain),
            ("No address associated with hostname", Problem::NoData),
            ("Name or service not known", Problem::NotFound),
        ] {
            let text = format!("failed to lookup address information: {text}");
            assert_eq!(Problem::of_machine(&std::io::Error::other(text)), problem);
            let error = Error::new("look up db".to_owned(), problem.clone());
            assert_eq!(error.is_not_found(), problem != Problem::TryAgain);
        }
    }

    #[test]
    fn localhost_resolves_and_an_invalid_name_does_not() {
        let found = look_up("localhost", Duration::MAX).unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback));
        let found = look_up_with("localhost", Family::Ipv4, Duration::MAX).unwrap();
        assert!(found.iter().all(IpAddr::is_ipv4));
        let error = look_up("no such name.invalid", Duration::MAX).unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(
            error.to_string(),
            "cannot look up no such name.invalid: the name does not exist"
        );
    }
}
