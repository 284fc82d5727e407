//! `vitals:health/net@0.1.0`.

use wasmtime::component::Resource;

use super::generated::vitals::health::net::{
    Certificate, ConnectOptions, DatagramOptions, Family, Handshake, Host, HostConnection,
    NetError, PingOptions, PingResult, Reply, ResolveError, TlsOptions, Until, Verification,
};
use crate::contract;
use crate::net::Connection;
use crate::state::State;

impl Host for State {
    async fn datagram(
        &mut self,
        host: String,
        port: u16,
        bytes: Vec<u8>,
        options: DatagramOptions,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Vec<Reply>, NetError>> {
        let options = contract::DatagramOptions {
            family: options.family.into(),
            attempts: options.attempts,
            replies: options.replies,
        };
        let replies = self.send_datagram(&host, port, &bytes, options, timeout_ms);
        let replies = replies.await.map_err(NetError::from);
        Ok(replies.map(|replies| replies.into_iter().map(Reply::from).collect()))
    }

    async fn resolve(
        &mut self,
        name: String,
        family: Family,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Vec<String>, NetError>> {
        let found = self.resolve_name(&name, family.into(), timeout_ms).await;
        let found = found.map_err(NetError::from);
        Ok(found.map(|found| found.iter().map(ToString::to_string).collect()))
    }

    async fn ping(
        &mut self,
        host: String,
        options: PingOptions,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<PingResult, NetError>> {
        let options = contract::PingOptions {
            family: options.family.into(),
            count: options.count,
            interval_ms: options.interval_ms,
            size: options.size,
        };
        let pinged = self.ping_host(&host, options, timeout_ms).await;
        Ok(pinged.map(PingResult::from).map_err(NetError::from))
    }
}

impl HostConnection for State {
    async fn connect(
        &mut self,
        host: String,
        port: u16,
        options: ConnectOptions,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Resource<Connection>, NetError>> {
        let options = contract::ConnectOptions {
            family: options.family.into(),
            proxy: options.proxy,
        };
        match self.connect_tcp(&host, port, &options, timeout_ms).await {
            Ok(connection) => Ok(Ok(self.table.push(connection)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn exchange(
        &mut self,
        connection: Resource<Connection>,
        write: Vec<u8>,
        until: Until,
        max: u32,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, NetError>> {
        let deadline = self.deadline_after(timeout_ms);
        let until = match until {
            Until::Some => contract::Until::Some,
            Until::Delimiter(delimiter) => contract::Until::Delimiter(delimiter),
            Until::Length(length) => contract::Until::Length(length),
            Until::End => contract::Until::End,
        };
        let connection = self.table.get_mut(&connection)?;
        let read = connection.exchange(&write, &until, max, deadline).await;
        Ok(read.map_err(NetError::from))
    }

    async fn write(
        &mut self,
        connection: Resource<Connection>,
        bytes: Vec<u8>,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<(), NetError>> {
        let deadline = self.deadline_after(timeout_ms);
        let written = self.table.get_mut(&connection)?.write(&bytes, deadline);
        Ok(written.await.map_err(NetError::from))
    }

    async fn finish(
        &mut self,
        connection: Resource<Connection>,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<(), NetError>> {
        let deadline = self.deadline_after(timeout_ms);
        let finished = self.table.get_mut(&connection)?.finish(deadline);
        Ok(finished.await.map_err(NetError::from))
    }

    async fn start_tls(
        &mut self,
        connection: Resource<Connection>,
        options: TlsOptions,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Handshake, NetError>> {
        let options = contract::TlsOptions {
            server_name: options.server_name,
            verification: options.verification.into(),
            alpn: options.alpn,
            client_certificate: options.client_certificate,
        };
        let started = self.start_tls_on(&connection, options, timeout_ms).await?;
        Ok(started.map(Handshake::from).map_err(NetError::from))
    }

    async fn peer(&mut self, connection: Resource<Connection>) -> wasmtime::Result<String> {
        Ok(self.table.get(&connection)?.peer().to_owned())
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl From<contract::Handshake> for Handshake {
    fn from(handshake: contract::Handshake) -> Self {
        let contract::Handshake {
            chain,
            protocol,
            cipher,
            alpn,
            verification_error,
        } = handshake;
        Self {
            chain: chain.into_iter().map(Certificate::from).collect(),
            protocol,
            cipher,
            alpn,
            verification_error,
        }
    }
}

impl From<Family> for contract::Family {
    fn from(family: Family) -> Self {
        match family {
            Family::Any => Self::Any,
            Family::Ipv4 => Self::Ipv4,
            Family::Ipv6 => Self::Ipv6,
        }
    }
}

impl From<Verification> for contract::Verification {
    fn from(verification: Verification) -> Self {
        match verification {
            Verification::ChainAndName => Self::ChainAndName,
            Verification::Chain => Self::Chain,
            Verification::Pins(pins) => Self::Pins(pins),
            Verification::None => Self::None,
        }
    }
}

convert_fields! {
    Certificate { subject, issuer, names, serial, not_before, not_after, sha256, public_key_sha256 }
    Reply { bytes, address, seconds }
    PingResult { address, times }
}

convert_cases! {
    NetError {
        Denied(why), NotResolved(why), Refused, Unreachable, Timeout, Closed, TooLarge, Tls(why),
        Failed(why)
    }
    ResolveError { NotFound, NoData, TryAgain, Failed(why) }
}
