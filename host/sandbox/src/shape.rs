//! The shape of a component: how many memories, tables and core instances one run of it makes, and what
//! the host holds for those.
//!
//! The instance pool holds every component to that, too; this holds where there is no pool, and
//! says so before anything is compiled. It reads bytes that nobody has validated, so that whatever it
//! keeps of them has a bound of its own.

mod count;

use wasmparser::{Parser, Payload};
use wasmtime::component::Component;

use self::count::{CountError, Instances, MAX_INDEX, instances};
use super::engine::{MAX_CORE_INSTANCES, MAX_INSTANCE_BYTES, MAX_MEMORIES, MAX_TABLES};
use super::load_error::LoadError;
use vitals_model::Text;

/// Holds a compiled component to its memories and tables.
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

/// Holds the bytes of a component to its core instances and what they take, and to how deep its components
/// lie in each other, because the time to compile them grows with the square of that. What can't be parsed
/// is left to the compiler, which says more about it.
pub(super) fn check_instances(wasm: &[u8]) -> Result<(), LoadError> {
    if exceeds_nesting(wasm) {
        return Err(LoadError::Shape {
            what: "components in each other",
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
                "bytes of core instances beside their memories",
                count,
                limit,
            )
        }
        Err(CountError::TooMany(what)) => {
            let limit = u32::try_from(MAX_INDEX).unwrap_or(u32::MAX);
            limit_error(what, limit.saturating_add(1), limit)
        }
        Err(CountError::Imported(what)) => Err(type_error(&format!(
            "it makes instances of a {what} that was handed to it, which can't be counted"
        ))),
        Ok(Instances {
            has_slow_transcoding,
            ..
        }) if has_slow_transcoding => Err(type_error(
            "it has components in it and hands texts over as Latin-1, and nothing can interrupt how those \
             are converted: build it with UTF-8 or UTF-16",
        )),
        Ok(_) | Err(CountError::Malformed) => Ok(()),
    }
}

/// Whether components lie in each other more than [`MAX_NESTING`] deep.
fn exceeds_nesting(wasm: &[u8]) -> bool {
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::Version { .. }) if depth == MAX_NESTING => return true,
            Ok(Payload::Version { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth -= 1,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}

fn type_error(why: &str) -> LoadError {
    LoadError::Types(Text::line(why, 512))
}

/// How deep components may lie in each other, the outermost counted. Those that toolchains make are
/// fewer than ten.
const MAX_NESTING: u32 = 100;

#[cfg(test)]
mod tests;
