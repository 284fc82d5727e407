//! The transport to a server: UDP or TCP.

use vitals_sdk::net::ConnectOptions;
use vitals_sdk::prelude::*;

use crate::Settings;
use crate::message::{Question, Response};

/// The transport of a query.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// Sends the query, and over TCP again if the response does not fit into a datagram.
pub(crate) fn ask(settings: &Settings, address: &Address, question: &Question) -> Result<Response> {
    if settings.transport == Transport::Udp {
        let response = over_udp(settings, address, question)?;
        if !response.is_truncated {
            return Ok(response);
        }
    }
    over_tcp(settings, address, question)
}

/// Each call of the host opens a new socket. After a datagram that does not match the query, which
/// anybody may have sent, it is sent again and one more reply is waited for.
fn over_udp(settings: &Settings, address: &Address, question: &Question) -> Result<Response> {
    let mut left = settings.timeout.unwrap_or(Duration::MAX);
    let deadline = Deadline::after(left);
    let no_response = || format!("no response for {question}");
    for replies in 1..=MAX_REPLIES {
        let options = udp::Options {
            family: settings.addresses.family(),
            attempts: settings.attempts,
            replies,
        };
        let received = match udp::exchange(address, question.bytes(), &options, left) {
            Err(error) if error.is_timeout() && replies > 1 => break,
            received => received.with_context(no_response)?,
        };
        for reply in &received {
            if let Some(response) = question.answer(&reply.bytes)? {
                return Ok(response);
            }
        }
        left = deadline.remaining();
    }
    Err(Error::new(format_args!(
        "{}: {address} sent only datagrams that do not match the query",
        no_response()
    )))
}

/// Each message is preceded by its length (RFC 1035, section 4.2.2).
fn over_tcp(settings: &Settings, address: &Address, question: &Question) -> Result<Response> {
    let options = ConnectOptions::new()
        .family(settings.addresses.family())
        .timeout(settings.timeout.unwrap_or(Duration::MAX));
    let mut stream = tcp::connect_with(address, &options)?;
    let length = u16::try_from(question.bytes().len()).context("the query is too long")?;
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(question.bytes());
    let no_response = || format!("no response for {question} over TCP");
    let length = stream
        .exchange_exact(&message, 2)
        .with_context(no_response)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let message = stream.read_exact(length).with_context(no_response)?;
    match question.answer(&message)? {
        Some(response) if !response.is_truncated => Ok(response),
        Some(_) => Err(Error::new(format_args!(
            "{address} returned a truncated response for {question} over TCP"
        ))),
        None => Err(Error::new(format_args!(
            "the response of {address} over TCP does not match the query for {question}"
        ))),
    }
}

/// The limit of the contract on the replies to one datagram.
const MAX_REPLIES: u8 = 16;
