//! The transport to a server: UDP or TCP.

use vitals_sdk::prelude::*;

use crate::message::{Question, Response};

/// The transport of a query.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// Sends the query once. A lost datagram is covered by `fall` of the check.
pub(crate) fn ask(
    address: &Address,
    transport: Transport,
    question: &Question,
    timeout: Duration,
) -> Result<Response> {
    if transport == Transport::Udp {
        let response = over_udp(address, question, timeout)?;
        if !response.is_truncated {
            return Ok(response);
        }
    }
    over_tcp(address, question, timeout)
}

fn over_udp(address: &Address, question: &Question, timeout: Duration) -> Result<Response> {
    let mut socket = udp::connect(address, timeout)?;
    let no_response = || format!("no response for {question}");
    socket.send(question.bytes()).with_context(no_response)?;
    let mut unmatched = 0_u32;
    let answer = socket.receive_where(|datagram| {
        let answer = question.answer(datagram).transpose();
        unmatched += u32::from(answer.is_none());
        answer
    });
    answer
        .with_context(no_response)
        .map_err(|error| match unmatched {
            0 => error,
            1 => Error::new(format_args!(
                "{error:#}, after one datagram that did not match the query"
            )),
            _ => Error::new(format_args!(
                "{error:#}, after {unmatched} datagrams that did not match the query"
            )),
        })?
}

/// Each message is preceded by its length (RFC 1035, section 4.2.2).
fn over_tcp(address: &Address, question: &Question, timeout: Duration) -> Result<Response> {
    let mut stream = tcp::connect(address, timeout)?;
    let length = u16::try_from(question.bytes().len()).context("the query is too long")?;
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(question.bytes());
    stream.write_all(&message)?;
    let no_response = || format!("no response for {question} over TCP");
    let length = stream.read_exact(2).with_context(no_response)?;
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
