//! Connections by a proxy of the operator.
//!
//! The grants decide on the server as the guest named it. The proxy resolves the name, so its
//! addresses can't be checked. The proxy's own address needs no grant, because the operator wrote it.

mod http_connect;
mod problem;
mod socks5;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout_at;

use self::problem::ProxyProblem;
use super::Egress;
use super::budgeted::BudgetedStream;
use super::connect::{ReachError, connect};
use super::resolver::{LookupRequest, ResolveError};
use crate::clients::Proxy;
use crate::contract::{Family, Phase, Phases};
use crate::grants::{Host, Peer};
use vitals_model::ProxyScheme;

impl Egress {
    /// Connects to a granted peer by the proxy that a request names. `family` is that of the
    /// proxy's address. The dialogue with the proxy counts as connecting.
    pub(super) async fn connect_by_proxy(
        &self,
        name: &str,
        peer: &Peer,
        family: Family,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Result<TcpStream, (Phase, ReachError)> {
        // Before the connection is counted, so that a denial is always reported as one.
        let permitted = self.0.grants.permit_proxy(name);
        permitted
            .and_then(|()| self.0.grants.permit(peer))
            .map_err(|denial| (Phase::Connect, ReachError::Denied(self.deny(denial))))?;
        let clients = self.0.network.clients();
        let Some(proxy) = clients.proxy(name) else {
            let table = format!("[proxies.{name}]");
            return Err((Phase::Connect, ReachError::NoTable(table)));
        };
        if !self.take_connection() {
            return Err((Phase::Connect, ReachError::LimitReached));
        }
        let started = Instant::now();
        let addresses = self.proxy_addresses(name, proxy, family, deadline).await;
        phases.resolve += seconds(started.elapsed());
        let addresses = addresses.map_err(|error| (Phase::Resolve, error))?;

        let started = Instant::now();
        let connected = async {
            let stream = connect(&addresses, deadline).await;
            let stream = stream.map_err(|error| match ReachError::from(error) {
                ReachError::Timeout => ReachError::Timeout,
                error => not_reached(name, format_args!("cannot be reached: {error}")),
            })?;
            match timeout_at(deadline.into(), open_tunnel(stream, proxy, peer)).await {
                Err(_) => Err(ReachError::Timeout),
                Ok(opened) => opened.map_err(|problem| not_reached(name, problem)),
            }
        };
        let connected = connected.await;
        phases.connect += seconds(started.elapsed());
        connected.map_err(|error| (Phase::Connect, error))
    }

    async fn proxy_addresses(
        &self,
        name: &str,
        proxy: &Proxy,
        family: Family,
        deadline: Instant,
    ) -> Result<Vec<SocketAddr>, ReachError> {
        let address = &proxy.url.address;
        let mut found = match &address.host {
            Host::Address(host) => vec![*host],
            Host::Name(host) => {
                let lookup = LookupRequest {
                    name: host.clone(),
                    // The operator wrote the name.
                    is_absolute: false,
                    check: self.0.check.clone(),
                };
                let found = self.0.network.resolve(lookup, deadline).await;
                let found = found.map_err(|error| match error {
                    ResolveError::Timeout => ReachError::Timeout,
                    error => not_reached(name, format_args!("cannot be looked up: {error}")),
                })?;
                found.into_iter().map(|it| it.address).collect()
            }
        };
        found.retain(|address| family.includes(address));
        if found.is_empty() {
            return Err(not_reached(name, "has no address of the family asked for"));
        }
        let with_port = |host| SocketAddr::new(host, address.port);
        Ok(found.into_iter().map(with_port).collect())
    }
}

/// Has the proxy connect to the peer. The error continues a sentence about the proxy.
async fn open_tunnel(
    stream: TcpStream,
    proxy: &Proxy,
    peer: &Peer,
) -> Result<TcpStream, ProxyProblem> {
    let stream = BudgetedStream::new(stream);
    let stream = match proxy.url.scheme {
        ProxyScheme::Http => http_connect::open(stream, proxy, peer).await,
        ProxyScheme::Socks5 => socks5::open(stream, proxy, peer).await,
    };
    stream.map(BudgetedStream::into_inner)
}

fn not_reached(name: &str, problem: impl std::fmt::Display) -> ReachError {
    ReachError::Proxy(format!("the proxy `{name}` {problem}"))
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
