//! `vitals:health/http`: one call makes one exchange, redirects included.
//!
//! A [`Hop`] is one request of the exchange. [`open`] sends it, and [`redirect`] makes the next one
//! from its response. Each hop asks the grants.

mod cookies;
mod decode;
mod error;
mod open;
mod redirect;
mod request;

use std::time::Instant;

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Version};

use self::cookies::Cookies;
use self::decode::{Coding, Decoded};
use self::error::undecodable;
use self::open::{Body, OpenExchange};
use self::request::Hop;
use super::Egress;
use crate::contract::Version as HttpVersion;
use crate::contract::{
    Exchange, Failure, Header, HttpError, HttpOptions, HttpRequest, Phase, Response,
};

impl Egress {
    /// Makes a request and follows its redirects, until `deadline`.
    pub(crate) async fn fetch(
        &self,
        request: HttpRequest,
        deadline: Instant,
    ) -> Result<Response, Failure> {
        let mut exchange = Exchange::default();
        let mut url = request.url.clone();
        match self
            .follow(request, deadline, &mut exchange, &mut url)
            .await
        {
            Ok(response) => Ok(Response {
                url,
                exchange,
                ..response
            }),
            Err(error) => Err(Failure {
                error,
                url,
                exchange,
            }),
        }
    }

    /// Leaves the last URL in `url`, and what is known of the exchange in `exchange`.
    async fn follow(
        &self,
        request: HttpRequest,
        deadline: Instant,
        exchange: &mut Exchange,
        url: &mut String,
    ) -> Result<Response, HttpError> {
        let (mut hop, options) = Hop::first(request)?;
        let mut cookies = Cookies::default();
        let mut redirects = 0;
        loop {
            hop.url.as_str().clone_into(url);
            let cookie = cookies.header(&hop);
            let open = self
                .open(&hop, cookie, &options, deadline, exchange)
                .await?;
            if options.cookies {
                cookies.store(&hop, &open.head.headers);
            }
            let Some(next) = redirect::next(&hop, &open.head, redirects, options.redirects)? else {
                let response = self
                    .finish(&hop, open, &options, deadline, exchange)
                    .await?;
                return Ok(Response {
                    redirects,
                    ..response
                });
            };
            redirects += 1;
            hop = next;
        }
    }

    /// Reads and decodes the body of the last response.
    async fn finish(
        &self,
        hop: &Hop,
        mut open: OpenExchange,
        options: &HttpOptions,
        deadline: Instant,
        exchange: &mut Exchange,
    ) -> Result<Response, HttpError> {
        let started = Instant::now();
        let max = options.body_max.min(self.0.http_body);
        let coding = (options.decode && !hop.is_head())
            .then(|| Coding::of(open.head.headers.get_all(CONTENT_ENCODING)))
            .flatten();
        // A body that is decoded may be a little longer before.
        let received_max = match coding {
            Some(_) if max > 0 => max.saturating_add(CODING_OVERHEAD).min(self.0.http_body),
            _ => max,
        };
        let mut body = open.read_body(received_max, deadline).await?;
        let trailers = list(&std::mem::take(&mut body.trailers));
        let body_size = body.bytes.len() as u64;
        let Decoded { bytes, is_cut } = match coding {
            Some(coding) if !body.bytes.is_empty() => {
                self.decode(coding, body, max, deadline).await?
            }
            _ => Decoded {
                bytes: body.bytes,
                is_cut: body.is_cut,
            },
        };
        if max > 0 {
            exchange.phases.body += started.elapsed().as_secs_f64();
        }
        Ok(Response {
            status: open.head.status.as_u16(),
            version: match open.head.version {
                Version::HTTP_2 => HttpVersion::Http2,
                Version::HTTP_10 => HttpVersion::Http10,
                _ => HttpVersion::Http11,
            },
            url: String::new(),
            redirects: 0,
            headers: list(&open.head.headers),
            trailers,
            body: bytes,
            body_size,
            truncated: is_cut,
            exchange: Exchange::default(),
        })
    }

    /// Decodes a body on a thread that may be lost.
    async fn decode(
        &self,
        coding: Coding,
        body: Body,
        max: u64,
        deadline: Instant,
    ) -> Result<Decoded, HttpError> {
        let is_late = move || Instant::now() >= deadline;
        let decoding = &self.0.network.decoding;
        let decoding = decoding.run(self.0.check.as_str(), move || {
            coding.decode(&body.bytes, body.is_cut, max, is_late)
        });
        match tokio::time::timeout_at(deadline.into(), decoding).await {
            Err(_) => Err(HttpError::Timeout(Phase::Body)),
            Ok(Err(error)) => Err(HttpError::Protocol(error.to_string())),
            Ok(Ok(decoded)) => decoded.map_err(|error| undecodable(coding, &error)),
        }
    }
}

/// Headers or trailers as a guest receives them.
fn list(headers: &HeaderMap) -> Vec<Header> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

/// How much longer than the decoded body the received one may be: twice what gzip adds to a body of
/// 64 MiB that does not shrink.
const CODING_OVERHEAD: u64 = 64 << 10;
