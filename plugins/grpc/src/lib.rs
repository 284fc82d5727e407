//! The `grpc` check: the health protocol of gRPC.
//!
//! This file sends the request and judges the answer. `call` reads a response of gRPC, `code` puts
//! its status codes into words, and `health` has the messages of the protocol.

mod call;
mod code;
mod health;

use std::collections::BTreeMap;

use prost::Message as _;
use vitals_sdk::http::{Response, ServerSettings, VersionOption};
use vitals_sdk::prelude::*;

use call::CallError;
use health::{HealthCheckRequest, HealthCheckResponse, ServingStatus};

/// Asks a gRPC server by the gRPC health protocol whether it, or one of its services, is serving.
#[derive(Config)]
struct Settings {
    /// The URL of the server: `https://` for TLS, `http://` without it. User and password in it
    /// become basic authentication.
    #[config(grant = "http")]
    url: Url,
    /// The service to ask for, by the name that the server knows: `shop.v1.Orders`. The default is
    /// the whole server.
    service: Option<String>,
    /// Metadata of the call, for example `authorization`. It is never shown. The value of a name
    /// that ends in `-bin` is written in base64.
    #[config(default, secret)]
    metadata: BTreeMap<String, String>,
    /// The check is degraded if the call takes longer.
    degraded_above: Option<Duration>,
    /// The check is unhealthy if the call takes longer.
    unhealthy_above: Option<Duration>,
    /// The timeout of the whole call, which the server learns too. The default is the timeout of the
    /// check.
    timeout: Option<Duration>,
    #[config(flatten)]
    connection: ServerSettings,
}

#[health_check(code = "grpc")]
fn check(settings: Settings) -> Result<Outcome> {
    Ok(match settings.call()? {
        Ok(response) => judge(&settings, &response),
        Err(error) => Outcome::unhealthy(error.to_string()).exchange(error.exchange()),
    })
}

impl Settings {
    /// Makes the call.
    fn call(&self) -> Result<Result<Response, http::Error>> {
        if let Some(name) = self.metadata.keys().find(|name| is_reserved(name)) {
            return Err(Error::new(format!(
                "`metadata` has `{name}`, which only the check itself sets"
            )));
        }
        let path = self.url.path().trim_end_matches('/');
        let url = self.url.join(&format!("{path}{METHOD}"))?;
        let message = HealthCheckRequest {
            service: self.service.clone().unwrap_or_default(),
        };
        let version = if self.url.scheme() == "https" {
            VersionOption::Http2
        } else {
            VersionOption::Http2PriorKnowledge
        };
        let timeout = self.timeout.unwrap_or(Duration::MAX);
        let timeout = timeout.min(Deadline::of_run().remaining());
        let mut request = http::post(&url)
            .version(version)
            .header("content-type", call::CONTENT_TYPE)
            .header("te", "trailers")
            .header("grpc-accept-encoding", "identity")
            .header("grpc-timeout", call::timeout_text(timeout))
            .body(call::framed(&message.encode_to_vec()))
            .body_prefix(call::BODY_LIMIT)
            .without_decoding();
        for (name, value) in &self.metadata {
            request = request.header(name, value);
        }
        if let Some(timeout) = self.timeout {
            request = request.timeout(timeout);
        }
        Ok(self.connection.apply(request).send())
    }

    /// Returns the service, or the server, as the subject of a sentence.
    fn subject(&self) -> String {
        match self.service.as_deref() {
            None | Some("") => "the server".to_owned(),
            Some(service) => format!("the service `{}`", shortened(service, CHARS_SHOWN)),
        }
    }
}

fn judge(settings: &Settings, response: &Response) -> Outcome {
    let url = &settings.url;
    let outcome = match call::read(response) {
        Ok(message) => match HealthCheckResponse::decode(message) {
            Ok(message) => serving(settings, message.status),
            Err(_) => Outcome::unhealthy(format!(
                "{url}: the message is not a response of the health protocol"
            )),
        },
        Err(CallError::Status { code, message }) => {
            let words = code::words(code, &settings.subject());
            let name = code::name(code);
            let message = if message.is_empty() {
                String::new()
            } else {
                format!(": {}", shortened(&message, CHARS_SHOWN_OF_MESSAGE))
            };
            Outcome::unhealthy(format!("{url}: {words} ({name}){message}"))
                .detail("grpc_status", name)
        }
        Err(CallError::Invalid(why)) => Outcome::unhealthy(format!("{url}: {why}")),
    };
    let thresholds = Thresholds {
        degraded_above: settings.degraded_above,
        unhealthy_above: settings.unhealthy_above,
    };
    outcome
        .timed(response.elapsed(), thresholds)
        .exchange(response.exchange())
}

/// Whether the call sets this header itself.
fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("grpc-") || ["content-type", "te"].contains(&name.as_str())
}

/// Judges a status of the health protocol.
fn serving(settings: &Settings, status: i32) -> Outcome {
    let (url, subject) = (&settings.url, settings.subject());
    let unhealthy = |text: String| Outcome::unhealthy(format!("{url}: {text}"));
    let Ok(status) = ServingStatus::try_from(status) else {
        return unhealthy(format!(
            "{subject} has the status {status}, which the health protocol does not define"
        ));
    };
    let outcome = match status {
        ServingStatus::Serving => Outcome::healthy(format!("{url}: {subject} is serving")),
        ServingStatus::NotServing => unhealthy(format!("{subject} is not serving")),
        ServingStatus::Unknown => unhealthy(format!(
            "the server does not know whether {subject} is serving"
        )),
        ServingStatus::ServiceUnknown => unhealthy(format!("the server does not know {subject}")),
    };
    outcome.detail("serving_status", status.as_str_name())
}

/// The path of the method `Check`.
const METHOD: &str = "/grpc.health.v1.Health/Check";
/// The number of characters of a setting or a header in a message.
const CHARS_SHOWN: usize = 64;
/// The number of characters of the server's own message in a message.
const CHARS_SHOWN_OF_MESSAGE: usize = 256;

#[cfg(test)]
mod tests;
