//! One call of `vitals:health/http`. The host connects, does TLS, checks grants, follows redirects and
//! decodes the body.

use std::time::Duration;

use super::net::{family, handshake, seconds, verification};
use super::time::milliseconds;
use crate::Deadline;
use crate::backend::bindings::vitals::health::http as contract;
use crate::http::{
    Exchange, Options, Phases, Problem, RawFailure, RawRequest, RawResponse, Stage, Version,
    VersionOption,
};

pub(crate) fn exchange(
    request: &RawRequest<'_>,
    deadline: Deadline,
) -> Result<RawResponse, Box<RawFailure>> {
    let url = request.url.without_credentials();
    let headers = request.headers.iter();
    let fetched = contract::fetch(&contract::Request {
        method: request.method.as_str().to_owned(),
        url: url.clone(),
        headers: headers
            .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
            .collect(),
        body: request.body.map(<[u8]>::to_vec),
        timeout_ms: milliseconds(deadline),
        options: Some(options(request.options)),
    });
    match fetched {
        Ok(response) => Ok(received(response)),
        Err(failure) => Err(Box::new(RawFailure {
            problem: problem(failure.error),
            url: (failure.url != url)
                .then(|| failure.url.parse().ok())
                .flatten(),
            exchange: known(failure.exchange),
        })),
    }
}

fn options(options: &Options) -> contract::Options {
    contract::Options {
        redirects: options.redirects,
        cookies: options.cookies,
        decode: options.decode,
        body_max: options.body_max as u64,
        version: match options.version {
            VersionOption::Auto => contract::VersionOption::Auto,
            VersionOption::Http1 => contract::VersionOption::Http1,
            VersionOption::Http2 => contract::VersionOption::Http2,
            VersionOption::Http2PriorKnowledge => contract::VersionOption::Http2PriorKnowledge,
        },
        family: family(options.family),
        server_name: options.server_name.clone(),
        verification: verification(&options.verification),
        client_certificate: options.client_certificate.clone(),
        proxy: options.proxy.clone(),
    }
}

fn received(response: contract::Response) -> RawResponse {
    RawResponse {
        status: response.status,
        version: match response.version {
            contract::Version::Http10 => Version::Http10,
            contract::Version::Http11 => Version::Http11,
            contract::Version::Http2 => Version::Http2,
        },
        url: (response.redirects > 0)
            .then(|| response.url.parse().ok())
            .flatten(),
        redirects: response.redirects,
        headers: texts(response.headers),
        trailers: texts(response.trailers),
        body: response.body,
        body_size: response.body_size,
        truncated: response.truncated,
        exchange: known(response.exchange),
    }
}

fn texts(headers: Vec<contract::Header>) -> Vec<(String, String)> {
    let headers = headers.into_iter();
    headers.map(|(name, value)| (name, text(value))).collect()
}

/// Bytes that are not UTF-8 are replaced.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn known(exchange: contract::Exchange) -> Exchange {
    let phases = exchange.phases;
    Exchange {
        phases: Phases {
            resolve: seconds(phases.resolve),
            connect: seconds(phases.connect),
            tls: seconds(phases.tls),
            request: seconds(phases.request),
            first_byte: seconds(phases.first_byte),
            body: seconds(phases.body),
        },
        remote_address: exchange.remote_address,
        handshake: exchange.handshake.map(handshake),
    }
}

fn problem(error: contract::HttpError) -> Problem {
    match error {
        contract::HttpError::Denied(why) => {
            Problem::Denied(why.strip_prefix("denied: ").unwrap_or(&why).to_owned())
        }
        contract::HttpError::InvalidRequest(why) => Problem::Invalid(why),
        contract::HttpError::NotResolved(why) => Problem::Lookup(why),
        contract::HttpError::Refused => Problem::Refused,
        contract::HttpError::Unreachable(why) => Problem::Unreachable(why),
        // The caller fills in the limit.
        contract::HttpError::Timeout(phase) => Problem::Timeout {
            stage: stage(phase),
            limit: Duration::ZERO,
        },
        contract::HttpError::Tls(why) => Problem::Tls(why),
        contract::HttpError::Protocol(why) | contract::HttpError::TooLarge(why) => {
            Problem::Protocol(why)
        }
        contract::HttpError::Redirect(why) => Problem::Redirect(why),
    }
}

fn stage(phase: contract::Phase) -> Stage {
    match phase {
        contract::Phase::Resolve => Stage::Lookup,
        contract::Phase::Connect => Stage::Connect,
        contract::Phase::Tls => Stage::Tls,
        contract::Phase::Request => Stage::Send,
        contract::Phase::FirstByte => Stage::Response,
        contract::Phase::Body => Stage::Body,
    }
}
