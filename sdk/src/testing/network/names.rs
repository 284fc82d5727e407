//! The names known to the resolver of a world.

use std::net::IpAddr;
use std::time::Duration;

use crate::Deadline;
use crate::dns::Problem;
use crate::net::Family;
use crate::testing::{World, lock};

/// A name of a [`World`], to define its addresses. It replaces earlier definitions of the name.
#[derive(Debug)]
pub struct DnsName<'a> {
    world: &'a World,
    name: String,
}

/// The result of the resolver, and how long it takes.
#[derive(Clone, Debug)]
pub(super) struct Resolution {
    result: Result<Vec<IpAddr>, Problem>,
    after: Duration,
}

impl World {
    /// Defines the result of [`dns::look_up`](crate::dns::look_up) for a name.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::World;
    ///
    /// let world = World::new();
    /// world.dns("db.internal").resolves_to(&["10.0.0.5"]);
    /// let found = world.run(|| dns::look_up("db.internal", Duration::MAX))?;
    /// assert_eq!(found[0].to_string(), "10.0.0.5");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use = "define the addresses with `resolves_to`"]
    pub fn dns(&self, name: &str) -> DnsName<'_> {
        DnsName {
            world: self,
            name: name.to_owned(),
        }
    }

    pub(crate) fn resolve(
        &self,
        name: &str,
        family: Family,
        deadline: Deadline,
    ) -> Result<Vec<IpAddr>, Problem> {
        let known = lock(&self.0.network).names.get(name).cloned();
        let Some(known) = known else {
            let text = format!("the test does not define the name {name}: use `World::dns`");
            return Err(Problem::Failed(self.unexpected(text)));
        };
        if !self.pass(known.after, deadline) {
            return Err(Problem::Timeout(Duration::ZERO));
        }
        let mut found = known.result?;
        found.retain(|address| family.includes(*address));
        if found.is_empty() {
            return Err(Problem::NoData);
        }
        Ok(found)
    }
}

impl DnsName<'_> {
    /// Resolves to these addresses; those of the family, if the check asks for one.
    ///
    /// # Panics
    ///
    /// Panics if an address is not valid.
    pub fn resolves_to(self, addresses: &[&str]) {
        let parsed = addresses.iter().map(|text| {
            text.parse()
                .unwrap_or_else(|error| panic!("`{text}` is not an IP address: {error}"))
        });
        self.put(Ok(parsed.collect()), Duration::ZERO);
    }

    /// Fails with this problem.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::World;
    ///
    /// let world = World::new();
    /// for (problem, is_not_found) in [
    ///     (dns::Problem::NotFound, true),
    ///     (dns::Problem::NoData, true),
    ///     (dns::Problem::TryAgain, false),
    /// ] {
    ///     world.dns("db.internal").fails(problem);
    ///     let error = world.run(|| dns::look_up("db.internal", Duration::MAX)).unwrap_err();
    ///     assert_eq!(error.is_not_found(), is_not_found);
    /// }
    /// ```
    pub fn fails(self, problem: Problem) {
        self.put(Err(problem), Duration::ZERO);
    }

    /// Never responds.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::World;
    ///
    /// let world = World::new();
    /// world.dns("db.internal").never_resolves();
    /// let error = world.run(|| dns::look_up("db.internal", Duration::from_secs(1))).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot look up db.internal: timed out after 1s");
    /// ```
    pub fn never_resolves(self) {
        self.put(Err(Problem::TryAgain), Duration::MAX);
    }

    fn put(self, result: Result<Vec<IpAddr>, Problem>, after: Duration) {
        let known = Resolution { result, after };
        lock(&self.world.0.network).names.insert(self.name, known);
    }
}
