//! Connections of `vitals:health/net`, and its errors.

use std::time::Instant;

use tokio::net::TcpStream;

use super::connect::ReachError;
use super::resolver::ResolveError;
use super::{ConnectionError, Egress};
use crate::contract::{self, ConnectOptions, NetError, Phases};
use crate::grants::Peer;

impl Egress {
    /// Connects to a granted peer, by a proxy if that is asked for.
    pub(crate) async fn dial(
        &self,
        peer: &Peer,
        options: &ConnectOptions,
        deadline: Instant,
    ) -> Result<TcpStream, NetError> {
        let family = options.family;
        if let Some(proxy) = &options.proxy {
            let mut phases = Phases::default();
            let connecting = self.connect_by_proxy(proxy, peer, family, deadline, &mut phases);
            return connecting.await.map_err(|(_, error)| error.into());
        }
        let addresses = self.permitted_addresses_of(family, peer, deadline).await?;
        Ok(self.connect_permitted(peer, &addresses, deadline).await?)
    }
}

impl From<ReachError> for NetError {
    fn from(error: ReachError) -> Self {
        match error {
            ReachError::Denied(why) => Self::Denied(why),
            ReachError::NotResolved(error) => error.into(),
            ReachError::NoAddressOf(_) => Self::NotResolved(contract::ResolveError::NoData),
            ReachError::Timeout => Self::Timeout,
            ReachError::Refused => Self::Refused,
            ReachError::Unreachable => Self::Unreachable,
            ReachError::Closed => Self::Closed,
            error @ (ReachError::LimitReached
            | ReachError::Host(_)
            | ReachError::NoTable(_)
            | ReachError::Proxy(_)) => Self::Failed(error.to_string()),
        }
    }
}

impl From<ResolveError> for NetError {
    fn from(error: ResolveError) -> Self {
        Self::NotResolved(match error {
            ResolveError::Timeout => return Self::Timeout,
            ResolveError::NotFound => contract::ResolveError::NotFound,
            ResolveError::NoData => contract::ResolveError::NoData,
            ResolveError::TryAgain => contract::ResolveError::TryAgain,
            ResolveError::Failed(reason) => contract::ResolveError::Failed(reason),
        })
    }
}

impl From<ConnectionError> for NetError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Timeout => Self::Timeout,
            ConnectionError::Closed => Self::Closed,
            ConnectionError::Protocol(_, why) | ConnectionError::Failed(why) => Self::Failed(why),
        }
    }
}
