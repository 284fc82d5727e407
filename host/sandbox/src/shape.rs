//! Limits on the shape of a component: how many memories, tables and core instances one run of it
//! has, and what the host stores for those.
//!
//! The instance pool enforces the same limits; these also apply without a pool, and are checked
//! before anything is compiled.

mod count;

use wasmparser::{Parser, Payload};
use wasmtime::component::Component;

use self::count::{CountError, Instances, MAX_INDEX, instances};
use super::engine::{MAX_CORE_INSTANCES, MAX_INSTANCE_BYTES, MAX_MEMORIES, MAX_TABLES};
use super::load_error::LoadError;
use vitals_model::Text;

/// Checks the memories and tables of a compiled component.
pub(super) fn check(component: &Component) -> Result<(), LoadError> {
    let Some(needs) = component.resources_required() else {
        return Err(type_error("it imports core modules"));
    };
    for (what, count, limit) in [
        ("memories", needs.num_memories, MAX_MEMORIES),
        ("tables", needs.num_tables, MAX_TABLES),
    ] {
        if count > limit {
            return Err(LoadError::Shape { what, count, limit });
        }
    }
    Ok(())
}

/// Checks the core instances of a component, their size, and the nesting of its components, because
/// the time to compile them grows with the square of the nesting. What can't be parsed is left to
/// the compiler, which has better messages.
pub(super) fn check_instances(wasm: &[u8]) -> Result<(), LoadError> {
    if exceeds_nesting(wasm) {
        return Err(LoadError::Shape {
            what: "levels of nested components",
            count: MAX_NESTING + 1,
            limit: MAX_NESTING,
        });
    }
    let limit_error = |what, count, limit| Err(LoadError::Shape { what, count, limit });
    match instances(wasm) {
        Ok(Instances { count, .. }) if count > MAX_CORE_INSTANCES => {
            limit_error("core instances", count, MAX_CORE_INSTANCES)
        }
        Ok(Instances { bytes, .. }) if bytes > MAX_INSTANCE_BYTES as u64 => {
            let count = u32::try_from(bytes).unwrap_or(u32::MAX);
            let limit = u32::try_from(MAX_INSTANCE_BYTES).unwrap_or(u32::MAX);
            limit_error(
                "bytes of core instances outside their memories",
                count,
                limit,
            )
        }
        Err(CountError::TooMany(what)) => {
            let limit = u32::try_from(MAX_INDEX).unwrap_or(u32::MAX);
            limit_error(what, limit.saturating_add(1), limit)
        }
        Err(CountError::Imported(what)) => Err(type_error(&format!(
            "it instantiates an imported {what}, whose instances can't be counted"
        ))),
        Ok(Instances {
            has_slow_transcoding,
            ..
        }) if has_slow_transcoding => Err(type_error(
            "it contains components and passes strings as Latin-1, and their conversion can't be \
             interrupted: build it with UTF-8 or UTF-16",
        )),
        Ok(_) | Err(CountError::Malformed) => Ok(()),
    }
}

/// Whether components are nested more than [`MAX_NESTING`] deep.
fn exceeds_nesting(wasm: &[u8]) -> bool {
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match payload {
            Payload::Version { .. } if depth == MAX_NESTING => return true,
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            _ => {}
        }
    }
    false
}

fn type_error(why: &str) -> LoadError {
    LoadError::Types(Text::line(why, 512))
}

/// The maximum nesting of components, including the outermost one. Toolchains nest fewer than ten.
const MAX_NESTING: u32 = 100;

#[cfg(test)]
mod tests;
