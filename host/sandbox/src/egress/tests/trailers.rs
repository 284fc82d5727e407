//! `vitals:health/http`: what follows the body of a response.

use std::convert::Infallible;

use ::http::{HeaderMap, HeaderName, HeaderValue, Response as HttpResponse};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::fetch::{fetch, request};
use super::*;
use crate::contract::{Header, HttpError, HttpOptions, HttpRequest, Response, VersionOption};

/// Answers over HTTP/2 with a body and these trailers. The header `te` of the request is the first of
/// them.
async fn http2_with(trailers: Vec<(String, usize)>) -> SocketAddr {
    serve(move |stream| {
        let trailers = trailers.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            let te = request.headers().get("te").cloned();
            let own = trailers.iter().map(|(name, size)| {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                (name, HeaderValue::try_from("x".repeat(*size)).unwrap())
            });
            let te = te.map(|te| (HeaderName::from_static("x-te"), te));
            let trailers: HeaderMap = te.into_iter().chain(own).collect();
            let body = Full::new(Bytes::from_static(b"up"));
            let body = body.with_trailers(async { Some(Ok(trailers)) });
            async { Ok::<_, Infallible>(HttpResponse::new(body)) }
        });
        async move {
            let server = http2::Builder::new(TokioExecutor::new());
            let serving = server.serve_connection(TokioIo::new(stream), answer);
            serving.await.ok();
        }
    })
    .await
}

/// Answers over HTTP/1.1 with a chunked body and these trailers.
async fn http1_with(trailers: &[(String, usize)]) -> SocketAddr {
    let lines = trailers.iter();
    let lines = lines.map(|(name, size)| format!("{name}: {}\r\n", "x".repeat(*size)));
    answering(format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nup\r\n0\r\n{}\r\n",
        lines.collect::<String>()
    ))
    .await
}

async fn get(server: SocketAddr, options: HttpOptions) -> Result<Response, HttpError> {
    let egress = EgressBuilder::http(server).open();
    let request = HttpRequest {
        headers: vec![("te".to_owned(), b"trailers".to_vec())],
        ..request(format!("http://{server}/"), options)
    };
    let fetched = fetch(&egress, request).await;
    fetched.map_err(|failure| failure.error)
}

fn http2() -> HttpOptions {
    HttpOptions {
        version: VersionOption::Http2PriorKnowledge,
        ..HttpOptions::default()
    }
}

fn up_to(body_max: u64, options: HttpOptions) -> HttpOptions {
    HttpOptions {
        body_max,
        ..options
    }
}

fn trailer(name: &str, value: &str) -> Header {
    (name.to_owned(), value.as_bytes().to_vec())
}

/// So many trailers of so many bytes.
fn many(count: usize, size: usize) -> Vec<(String, usize)> {
    (0..count).map(|at| (format!("x-{at}"), size)).collect()
}

#[tokio::test]
async fn trailers_are_received_in_both_versions_of_http() {
    let server = http2_with(vec![("grpc-status".to_owned(), 1)]).await;
    let response = get(server, http2()).await.unwrap();
    assert_eq!(response.body, b"up");
    assert_eq!(
        response.trailers,
        [trailer("x-te", "trailers"), trailer("grpc-status", "x")]
    );
    let mut headers = response.headers.iter();
    assert!(headers.all(|(name, _)| name != "grpc-status"));

    let server = http1_with(&[("X-Sum".to_owned(), 2), ("x-sum".to_owned(), 1)]).await;
    let response = get(server, HttpOptions::default()).await.unwrap();
    assert_eq!(response.body, b"up");
    assert_eq!(
        response.trailers,
        [trailer("x-sum", "xx"), trailer("x-sum", "x")]
    );
}

#[tokio::test]
async fn without_the_end_of_the_body_there_are_no_trailers() {
    for body_max in [0, 1] {
        let server = http2_with(many(1, 1)).await;
        let response = get(server, up_to(body_max, http2())).await.unwrap();
        assert!(response.truncated && response.trailers.is_empty());
        let server = http1_with(&many(1, 1)).await;
        let options = up_to(body_max, HttpOptions::default());
        let response = get(server, options).await.unwrap();
        assert!(response.truncated && response.trailers.is_empty());
    }
    let server = http2_with(many(1, 1)).await;
    let response = get(server, up_to(2, http2())).await.unwrap();
    assert!(!response.truncated && response.trailers.len() == 2);
    let plain = answering(EMPTY_ANSWER).await;
    let response = get(plain, HttpOptions::default()).await.unwrap();
    assert_eq!(response.trailers, []);
}

#[tokio::test]
async fn trailers_beyond_the_limits_are_an_error() {
    for (trailers, expected) in [
        (many(1, 60_000), true),
        (many(900, 8), true),
        (many(1, 70_000), false),
        // The library drops what exceeds its own limit.
        (many(1, 150_000), false),
        (many(14, 10_000), false),
        (many(1200, 1), false),
    ] {
        let count = trailers.len();
        let size = trailers[0].1;
        match get(http2_with(trailers).await, http2()).await {
            Ok(response) => {
                assert!(expected, "{count} of {size} bytes");
                assert_eq!(response.trailers.len(), count + 1);
            }
            Err(error) => {
                let text = "the trailers of the response exceed 64 KiB or 1,000 fields";
                assert!(!expected, "{count} of {size} bytes: {error:?}");
                assert_eq!(error, HttpError::TooLarge(text.to_owned()), "{count}");
            }
        }
    }
    for (trailers, expected) in [
        (many(1, 16_000), true),
        (many(900, 8), true),
        (many(1, 17_000), false),
        (many(1200, 1), false),
    ] {
        let count = trailers.len();
        match get(http1_with(&trailers).await, HttpOptions::default()).await {
            Ok(response) => {
                assert!(expected, "{count}");
                assert_eq!(response.trailers.len(), count);
            }
            Err(HttpError::TooLarge(text)) => {
                assert!(!expected && text.contains("16 KiB of trailers"), "{text}");
            }
            Err(other) => panic!("{count}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn headers_beyond_the_limits_are_an_error_in_http_2_too() {
    for (count, size, expected) in [(900, 8, true), (1200, 1, false), (7, 10_000, false)] {
        let server = serve(move |stream| async move {
            let answer = service_fn(move |_: Request<Incoming>| async move {
                let mut response = HttpResponse::new(Full::new(Bytes::new()));
                for at in 0..count {
                    let name = HeaderName::from_bytes(format!("x-{at}").as_bytes()).unwrap();
                    let value = HeaderValue::try_from("x".repeat(size)).unwrap();
                    response.headers_mut().insert(name, value);
                }
                Ok::<_, Infallible>(response)
            });
            let server = http2::Builder::new(TokioExecutor::new());
            let serving = server.serve_connection(TokioIo::new(stream), answer);
            serving.await.ok();
        })
        .await;
        let response = get(server, http2()).await;
        let too_large = HttpError::TooLarge("the headers of the response exceed 64 KiB".to_owned());
        match response {
            Ok(response) => {
                let names = response.headers.iter();
                let own = names.filter(|(name, _)| name.starts_with("x-"));
                assert!(expected && own.count() == count);
            }
            Err(error) => assert!(!expected && error == too_large, "{count}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn only_trailers_may_be_asked_for() {
    let server = echoing().await;
    let asked = get(server, HttpOptions::default()).await.unwrap();
    let head = String::from_utf8_lossy(&asked.body).into_owned();
    assert!(head.contains("\r\nte: trailers\r\n"), "{head}");
    assert!(head.contains("\r\nconnection: close, te\r\n"), "{head}");

    let egress = EgressBuilder::http(server).open();
    let other = HttpRequest {
        headers: vec![("TE".to_owned(), b"gzip, trailers".to_vec())],
        ..request(format!("http://{server}/"), HttpOptions::default())
    };
    let refused = fetch(&egress, other).await.unwrap_err().error;
    let text = "`te` may only be `trailers`".to_owned();
    assert_eq!(refused, HttpError::InvalidRequest(text));
}
