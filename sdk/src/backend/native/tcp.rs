//! TCP to a peer of a test's world, or over the machine's network without a world.

use std::io;

use crate::Address;
use crate::deadline::Limit;
use crate::tcp::{Error, NetConnection};
use crate::testing::{Connection, current};

#[derive(Debug)]
pub(crate) enum TcpConnection {
    Net(NetConnection),
    Fake(Connection),
}

impl TcpConnection {
    pub(crate) fn connect(address: &Address, limit: Limit) -> Result<Self, Error> {
        match current() {
            Some(world) => world.connect_tcp(address, limit).map(Self::Fake),
            None => NetConnection::connect(address, limit).map(Self::Net),
        }
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8], limit: Limit) -> io::Result<usize> {
        match self {
            Self::Net(connection) => connection.read(buffer, limit),
            Self::Fake(connection) => {
                let bytes = connection.read(buffer.len(), limit.deadline)?;
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8], limit: Limit) -> io::Result<usize> {
        match self {
            Self::Net(connection) => connection.write(bytes, limit),
            Self::Fake(connection) => {
                connection.write(bytes, limit.deadline)?;
                Ok(bytes.len())
            }
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Net(connection) => connection.flush(),
            Self::Fake(_) => Ok(()),
        }
    }

    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Net(connection) => connection.finish(),
            Self::Fake(connection) => {
                connection.finish();
                Ok(())
            }
        }
    }
}
