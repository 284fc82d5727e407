//! `vitals:health/tls@0.1.0`.

use wasmtime::component::Resource;

use super::generated::vitals::health::tls::{
    Certificate, Handshake, Host, HostConnection, TlsError,
};
use crate::contract;
use crate::state::State;
use crate::tls::Connection;

impl Host for State {}

impl HostConnection for State {
    async fn connect(
        &mut self,
        host: String,
        port: u16,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Resource<Connection>, TlsError>> {
        match self.connect_tls(&host, port, timeout_ms).await {
            Ok(connection) => Ok(Ok(self.table.push(connection)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn read(
        &mut self,
        connection: Resource<Connection>,
        max: u32,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, TlsError>> {
        let until = self.deadline_after(timeout_ms);
        let read = self.table.get_mut(&connection)?.read(max, until).await;
        Ok(read.map_err(TlsError::from))
    }

    async fn write(
        &mut self,
        connection: Resource<Connection>,
        bytes: Vec<u8>,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<(), TlsError>> {
        let until = self.deadline_after(timeout_ms);
        let written = self.table.get_mut(&connection)?.write(&bytes, until).await;
        Ok(written.map_err(TlsError::from))
    }

    async fn start_tls(
        &mut self,
        connection: Resource<Connection>,
        server_name: String,
        verify: bool,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Handshake, TlsError>> {
        let shaken = self.start_tls_on(&connection, &server_name, verify, timeout_ms);
        let shaken = shaken.await?;
        Ok(shaken.map(Handshake::from).map_err(TlsError::from))
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

convert_fields! {
    Certificate { subject, issuer, names, serial, not_before, not_after, sha256, public_key_sha256 }
}

convert_cases! {
    TlsError { Denied(why), Timeout, Closed, Failed(why) }
}
