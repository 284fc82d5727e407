//! Datagrams in a world that wait for replies.

use std::io::ErrorKind;

use super::World;
use crate::net::Failure;
use crate::udp::{LARGEST, Options, Reply};
use crate::{Address, Deadline};

impl World {
    pub(crate) fn exchange_datagrams(
        &self,
        address: &Address,
        datagram: &[u8],
        options: &Options,
        deadline: Deadline,
    ) -> Result<Vec<Reply>, Failure> {
        let connection = self.connect_udp(address, deadline)?;
        let failure = |error: std::io::Error| match Failure::of_io(&error) {
            Failure::Reset => Failure::Refused,
            other => other,
        };
        let attempts = u32::from(options.attempts.max(1));
        let mut replies = Vec::new();
        for attempt in 0..attempts {
            let left = deadline.remaining_at(self.instant());
            let until = Deadline::after(left / (attempts - attempt));
            let sent = self.elapsed();
            connection.write(datagram, deadline).map_err(failure)?;
            while replies.len() < usize::from(options.replies) {
                match connection.read(LARGEST, until) {
                    Ok(bytes) => replies.push(Reply {
                        bytes,
                        address: address.to_string(),
                        time: self.elapsed().saturating_sub(sent),
                    }),
                    Err(error) if error.kind() == ErrorKind::TimedOut => break,
                    Err(error) => return Err(failure(error)),
                }
            }
            if !replies.is_empty() || options.replies == 0 {
                return Ok(replies);
            }
        }
        Err(Failure::Timeout)
    }
}
