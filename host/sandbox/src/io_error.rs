//! `wasi:io/error` without debug details. wasmtime's implementation gives a guest everything that
//! is known about an error of the host: its causes, and a backtrace with source paths.

use std::fmt;
use std::io;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sockets::network;
use wasmtime_wasi::sockets;
use wasmtime_wasi_http::p2::bindings::http::types as http;
use wasmtime_wasi_io::bindings::wasi::io::error;

use super::state::State;
use vitals_model::Text;

/// Links the interface. The linker must not have wasmtime's implementation.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    error::add_to_linker::<State, HasErrors>(linker, |state| Errors {
        table: &mut state.table,
    })
}

struct HasErrors;

impl HasData for HasErrors {
    type Data<'a> = Errors<'a>;
}

/// The error resources of a run.
struct Errors<'a> {
    table: &'a mut ResourceTable,
}

impl error::Host for Errors<'_> {}

impl error::HostError for Errors<'_> {
    fn to_debug_string(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<String> {
        Ok(words(self.table.get(&error)?).into())
    }

    fn drop(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<()> {
        self.table.delete(error)?;
        Ok(())
    }
}

/// The text for the guest: the case of the interface that the error belongs to.
fn words(error: &wasmtime::Error) -> Text {
    fn cause<E: fmt::Display + fmt::Debug + Send + Sync + 'static>(
        error: &wasmtime::Error,
    ) -> Option<Text> {
        let cause = error.downcast_ref::<E>()?;
        Some(Text::display(cause, WORDS_BYTES))
    }
    cause::<wasmtime_wasi_http::Error>(error)
        .or_else(|| cause::<http::ErrorCode>(error))
        .or_else(|| cause::<network::ErrorCode>(error))
        .or_else(|| cause::<sockets::ErrorCode>(error))
        .or_else(|| {
            let error = error.downcast_ref::<io::Error>()?;
            Some(Text::display(error.kind(), WORDS_BYTES))
        })
        .unwrap_or_else(|| Text::line("the stream failed", WORDS_BYTES))
}

const WORDS_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_sees_only_cases_of_the_interfaces() {
        let reset = io::Error::new(io::ErrorKind::ConnectionReset, "/home/of/the/host");
        assert_eq!(words(&reset.into()).as_str(), "connection reset");
        let short = wasmtime_wasi_http::Error::HttpResponseIncomplete.into();
        assert!(
            words(&short).as_str().contains("incomplete"),
            "{}",
            words(&short)
        );
        let broken = network::ErrorCode::ConnectionReset.into();
        assert!(
            words(&broken).as_str().contains("connection-reset"),
            "{}",
            words(&broken)
        );
        let field = http::FieldSizePayload {
            field_name: Some("x".repeat(1000)),
            field_size: None,
        };
        let large = http::ErrorCode::HttpResponseHeaderSize(field).into();
        assert!(words(&large).as_str().len() <= WORDS_BYTES);
        let other = wasmtime::format_err!("something inside").context("around it");
        assert_eq!(words(&other).as_str(), "the stream failed");
    }
}
