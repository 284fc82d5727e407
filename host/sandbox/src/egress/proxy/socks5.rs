//! SOCKS 5 (RFC 1928), with a user and a password (RFC 1929). The proxy resolves names.

use std::io;

use tokio::net::TcpStream;
use tokio_socks::Error;
use tokio_socks::tcp::Socks5Stream;

use super::problem::ProxyProblem;
use crate::clients::Proxy;
use crate::egress::budgeted::BudgetedStream;
use crate::grants::Peer;

/// Has the proxy connect to the peer. The answers of the proxy have at most 262 bytes, and nothing
/// beyond them is read.
pub(super) async fn open(
    stream: BudgetedStream<TcpStream>,
    proxy: &Proxy,
    peer: &Peer,
) -> Result<BudgetedStream<TcpStream>, ProxyProblem> {
    let host = peer.host.without_brackets();
    let target = (host.as_str(), peer.port);
    let opened = match &proxy.credentials {
        None => Socks5Stream::connect_with_socket(stream, target).await,
        Some((user, password)) => {
            Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
        }
    };
    match opened {
        Ok(opened) => Ok(opened.into_inner()),
        Err(error) => Err(problem(&error)),
    }
}

fn problem(error: &Error) -> ProxyProblem {
    let refused = |why: &str| ProxyProblem::Refused(why.to_owned());
    match error {
        Error::NoAcceptableAuthMethods | Error::AuthorizationRequired => refused(
            "it accepts none of the ways to log in; set `user` and `password`, or remove them",
        ),
        Error::PasswordAuthFailure(_) => refused("it does not accept the user and the password"),
        Error::ConnectionNotAllowedByRuleset => refused("its rules do not allow it"),
        Error::GeneralSocksServerFailure => ProxyProblem::Server("it does not say why"),
        Error::NetworkUnreachable => ProxyProblem::Server("there is no route to its network"),
        Error::HostUnreachable => ProxyProblem::Server("there is no route to it"),
        Error::ConnectionRefused => ProxyProblem::Server("connection refused"),
        Error::TtlExpired => ProxyProblem::Server("its time to live expired"),
        Error::CommandNotSupported | Error::AddressTypeNotSupported => {
            refused("it does not support such connections")
        }
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            ProxyProblem::Protocol("SOCKS 5")
        }
        Error::Io(_) => ProxyProblem::Closed,
        _ => ProxyProblem::Protocol("SOCKS 5"),
    }
}
