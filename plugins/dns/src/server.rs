//! The way to a server and back, by datagrams or over TCP.

use vitals_sdk::prelude::*;

use crate::message::{Answered, Question};

/// How a server is asked.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// Asks once. That a datagram can get lost is for `fall` of the check to bear.
pub(crate) fn ask(
    address: &Address,
    transport: Transport,
    question: &Question,
    timeout: Duration,
) -> Result<Answered> {
    if transport == Transport::Udp {
        let answered = by_datagram(address, question, timeout)?;
        if !answered.is_truncated {
            return Ok(answered);
        }
    }
    over_tcp(address, question, timeout)
}

fn by_datagram(address: &Address, question: &Question, timeout: Duration) -> Result<Answered> {
    let mut socket = udp::connect(address, timeout)?;
    let none_came = || format!("no answer for {question} came");
    socket.send(question.bytes()).with_context(none_came)?;
    let mut strange = 0_u32;
    let answer = socket.receive_where(|datagram| {
        let answer = question.answer(datagram).transpose();
        strange += u32::from(answer.is_none());
        answer
    });
    answer
        .with_context(none_came)
        .map_err(|error| match strange {
            0 => error,
            1 => Error::new(format_args!(
                "{error:#}, and one datagram that is no answer to it"
            )),
            _ => Error::new(format_args!(
                "{error:#}, and {strange} datagrams that are no answer to it"
            )),
        })?
}

/// Each message has its length before it (RFC 1035, section 4.2.2).
fn over_tcp(address: &Address, question: &Question, timeout: Duration) -> Result<Answered> {
    let mut stream = tcp::connect(address, timeout)?;
    let length = u16::try_from(question.bytes().len()).context("the question is too long")?;
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(question.bytes());
    stream.write_all(&message)?;
    let none_came = || format!("no answer for {question} came over TCP");
    let length = stream.read_exact(2).with_context(none_came)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let message = stream.read_exact(length).with_context(none_came)?;
    match question.answer(&message)? {
        Some(answered) if !answered.is_truncated => Ok(answered),
        Some(_) => Err(Error::new(format_args!(
            "{address} answers for {question} with a part of the answer over TCP too"
        ))),
        None => Err(Error::new(format_args!(
            "what {address} answers over TCP is no answer for {question}"
        ))),
    }
}
