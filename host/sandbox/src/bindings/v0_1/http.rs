//! `vitals:health/http@0.1.0`.

use super::generated::vitals::health::http::{
    Exchange, Failure, Host, HttpError, Options, Phase, Phases, Request, Response, Version,
    VersionOption,
};
use crate::contract;
use crate::state::State;

impl Host for State {
    async fn fetch(&mut self, request: Request) -> wasmtime::Result<Result<Response, Failure>> {
        let deadline = self.deadline_after(request.timeout_ms);
        let fetched = self.egress.fetch(request.into(), deadline).await;
        Ok(fetched.map(Response::from).map_err(Failure::from))
    }
}

impl From<Request> for contract::HttpRequest {
    fn from(request: Request) -> Self {
        let Request {
            method,
            url,
            headers,
            body,
            timeout_ms: _,
            options,
        } = request;
        Self {
            method,
            url,
            headers,
            body,
            options: options.map(Into::into).unwrap_or_default(),
        }
    }
}

impl From<Options> for contract::HttpOptions {
    fn from(options: Options) -> Self {
        let Options {
            redirects,
            cookies,
            decode,
            body_max,
            version,
            family,
            server_name,
            verification,
            client_certificate,
            proxy,
        } = options;
        Self {
            redirects,
            cookies,
            decode,
            body_max,
            family: family.into(),
            version: match version {
                VersionOption::Auto => contract::VersionOption::Auto,
                VersionOption::Http1 => contract::VersionOption::Http1,
                VersionOption::Http2 => contract::VersionOption::Http2,
                VersionOption::Http2PriorKnowledge => contract::VersionOption::Http2PriorKnowledge,
            },
            server_name,
            verification: verification.into(),
            client_certificate,
            proxy,
        }
    }
}

impl From<contract::Exchange> for Exchange {
    fn from(exchange: contract::Exchange) -> Self {
        let contract::Exchange {
            phases,
            remote_address,
            handshake,
        } = exchange;
        Self {
            phases: phases.into(),
            remote_address,
            handshake: handshake.map(Into::into),
        }
    }
}

convert_fields! {
    Response {
        status, version, url, redirects, headers, trailers, body, body_size, truncated, exchange
    }
    Failure { error, url, exchange }
    Phases { resolve, connect, tls, request, first_byte, body }
}

convert_cases! {
    HttpError {
        Denied(why), InvalidRequest(why), NotResolved(why), Refused, Unreachable(why),
        Timeout(phase), Tls(why), Protocol(why), TooLarge(what), Redirect(why)
    }
    Phase { Resolve, Connect, Tls, Request, FirstByte, Body }
    Version { Http10, Http11, Http2 }
}
