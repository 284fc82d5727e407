//! `wasi:http` with a limit on what the host retains for a run: headers, requests and bodies.
//!
//! wasmtime's functions limit the fields and the path of each request, but neither its method nor
//! its authority, nor the sum of all. This module replaces those that pass bytes to the host. As
//! with memory, the count never decreases before the run ends, because what belonged to a dropped
//! handle may still be in use.

use std::sync::atomic::Ordering;

use http::HeaderMap;
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::p2::HeaderResult;
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, HeaderError, HostFields as _, HostOutgoingRequest as _, Method, Scheme,
};
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostOutgoingRequest, HostOutgoingResponse};
use wasmtime_wasi_http::{FieldMap, WasiHttpView};

use super::client::CHUNK_BYTES;
use super::{Egress, EgressView};

/// The run exceeded the limit on retained bytes; this error ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("passed the host more than {limit} bytes of headers, requests and bodies to keep")]
pub(crate) struct RetainedBytesExceeded {
    pub(crate) limit: u64,
}

impl Egress {
    /// Counts bytes that the host retains for the run, and fails if they exceed the limit.
    fn charge(&self, bytes: usize) -> Result<()> {
        let (bytes, limit) = (bytes as u64, retained_limit(self.0.connections));
        let retained_bytes = self.0.retained_bytes.fetch_add(bytes, Ordering::Relaxed);
        if retained_bytes.saturating_add(bytes) > limit {
            return Err(RetainedBytesExceeded { limit }.into());
        }
        Ok(())
    }
}

/// The limit for a run that may open `connections` connections: the largest request for each of
/// them, and a base for runs that send nothing.
fn retained_limit(connections: u32) -> u64 {
    BASE_BYTES + u64::from(connections) * BYTES_PER_CONNECTION
}

/// Links `wasi:http`. The linker must not have wasmtime's implementation.
pub(crate) fn add_http_to_linker<T>(linker: &mut Linker<T>) -> Result<()>
where
    T: WasiHttpView + EgressView + 'static,
{
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    add_fields(linker)?;
    add_requests(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn add_fields<T>(linker: &mut Linker<T>) -> Result<()>
where
    T: WasiHttpView + EgressView + 'static,
{
    type Context<'a, T> = StoreContextMut<'a, T>;
    type Fields = Resource<FieldMap>;

    let mut interface = linker.instance(TYPES)?;
    interface.func_wrap(
        "[static]fields.from-list",
        |mut store: Context<'_, T>, (entries,): (Vec<(String, Vec<u8>)>,)| {
            let bytes = entries
                .iter()
                .map(|(name, value)| field_size(name, value))
                .sum();
            charge(&mut store, bytes)?;
            into_guest_result(store.data_mut().http().from_list(entries))
        },
    )?;
    interface.func_wrap(
        "[method]fields.set",
        |mut store: Context<'_, T>, (fields, name, values): (Fields, String, Vec<Vec<u8>>)| {
            let bytes = values.iter().map(|value| field_size(&name, value)).sum();
            charge(&mut store, bytes)?;
            into_guest_result(store.data_mut().http().set(fields, name, values))
        },
    )?;
    interface.func_wrap(
        "[method]fields.append",
        |mut store: Context<'_, T>, (fields, name, value): (Fields, String, Vec<u8>)| {
            charge(&mut store, field_size(&name, &value))?;
            into_guest_result(store.data_mut().http().append(fields, name, value))
        },
    )?;
    interface.func_wrap(
        "[method]fields.clone",
        |mut store: Context<'_, T>, (fields,): (Fields,)| {
            let bytes = fields_size(store.data_mut().http().table.get(&fields)?);
            charge(&mut store, bytes)?;
            Ok((store.data_mut().http().clone(fields)?,))
        },
    )
}

fn add_requests<T>(linker: &mut Linker<T>) -> Result<()>
where
    T: WasiHttpView + EgressView + 'static,
{
    type Context<'a, T> = StoreContextMut<'a, T>;
    type Request = Resource<HostOutgoingRequest>;
    type Response = Resource<HostOutgoingResponse>;
    type Body = std::result::Result<Resource<HostOutgoingBody>, ()>;

    let mut interface = linker.instance(TYPES)?;
    interface.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: Context<'_, T>, (request, method): (Request, Method)| {
            let length = match &method {
                Method::Other(method) => method.len(),
                _ => 0,
            };
            if length > MAX_METHOD {
                return Ok((Err(()),));
            }
            charge(&mut store, length)?;
            Ok((store.data_mut().http().set_method(request, method)?,))
        },
    )?;
    interface.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: Context<'_, T>, (request, authority): (Request, Option<String>)| {
            let length = authority.as_ref().map_or(0, String::len);
            if length > MAX_AUTHORITY {
                return Ok((Err(()),));
            }
            charge(&mut store, length)?;
            let set = store.data_mut().http().set_authority(request, authority)?;
            Ok((set,))
        },
    )?;
    interface.func_wrap(
        "[method]outgoing-request.set-scheme",
        |mut store: Context<'_, T>, (request, scheme): (Request, Option<Scheme>)| {
            let length = match &scheme {
                Some(Scheme::Other(scheme)) => scheme.len(),
                _ => 0,
            };
            charge(&mut store, length)?;
            Ok((store.data_mut().http().set_scheme(request, scheme)?,))
        },
    )?;
    interface.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store: Context<'_, T>, (request, path): (Request, Option<String>)| {
            charge(&mut store, path.as_ref().map_or(0, String::len))?;
            let set = store.data_mut().http().set_path_with_query(request, path)?;
            Ok((set,))
        },
    )?;
    interface.func_wrap(
        "[method]outgoing-request.body",
        |mut store: Context<'_, T>, (request,): (Request,)| -> Result<(Body,)> {
            charge(&mut store, BODY_BYTES)?;
            let mut http = store.data_mut().http();
            Ok((types::HostOutgoingRequest::body(&mut http, request)?,))
        },
    )?;
    interface.func_wrap(
        "[method]outgoing-response.body",
        |mut store: Context<'_, T>, (response,): (Response,)| -> Result<(Body,)> {
            charge(&mut store, BODY_BYTES)?;
            let mut http = store.data_mut().http();
            Ok((types::HostOutgoingResponse::body(&mut http, response)?,))
        },
    )
}

fn charge<T: EgressView + 'static>(store: &mut StoreContextMut<'_, T>, bytes: usize) -> Result<()> {
    store.data_mut().egress().egress.charge(bytes)
}

/// Converts a result for the guest. An error that is not part of the contract ends the run.
fn into_guest_result<R>(result: HeaderResult<R>) -> Result<(std::result::Result<R, HeaderError>,)> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

fn field_size(name: &str, value: &[u8]) -> usize {
    name.len() + value.len() + FIELD_OVERHEAD_BYTES
}

fn fields_size(fields: &HeaderMap) -> usize {
    let fields = fields.iter();
    fields
        .map(|(name, value)| field_size(name.as_str(), value.as_bytes()))
        .sum()
}

/// The interface in wasmtime's bindings. Under another name nothing would be replaced, which the
/// tests of the limits notice.
const TYPES: &str = "wasi:http/types@0.2.12";
/// The longest method; registered methods have at most 17 bytes.
const MAX_METHOD: usize = 64;
/// The longest authority: a name that is not canonical has at most 1,015 bytes, a port six.
const MAX_AUTHORITY: usize = 1 << 10;
/// What the host stores for a field besides its name and value.
const FIELD_OVERHEAD_BYTES: usize = 64;
/// One body on its way out: a queued chunk and a chunk being sent.
const BODY_BYTES: usize = 2 * CHUNK_BYTES;
/// The limit for a run that opens no connection.
const BASE_BYTES: u64 = 4 << 20;
/// The fields and the path of one request, at most 64 KiB each, and its body.
const BYTES_PER_CONNECTION: u64 = 2 * (64 << 10) + BODY_BYTES as u64;
