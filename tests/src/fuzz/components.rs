//! Valid WebAssembly that nobody would write: components, components with strange modules in them,
//! and components of the right world that instantiate a strange module.

use arbitrary::Unstructured;
use wasm_smith::{Component, Config, Module};

use super::contract::ExtraModule;
use super::{arena, contract, noise};

pub(super) fn run(input: &[u8]) {
    if let Some(bytes) = made(input) {
        arena::admit_and_run(&bytes);
    }
}

/// The first byte chooses what is made, the others how; nothing where they are too few.
fn made(input: &[u8]) -> Option<Vec<u8>> {
    let (kind, rest) = input.split_first()?;
    let mut choices = Unstructured::new(rest);
    match kind % 8 {
        0 => {
            let component = Component::new(shape(), &mut choices).ok()?;
            Some(component.to_bytes())
        }
        1 => Some(nested(&module(shape(), &mut choices)?)),
        // Its start function runs for `describe` too, under the large limits of a load.
        2 => {
            let module = module(plain_shape(), &mut choices)?;
            Some(contract::component(
                "{}",
                ExtraModule::Instantiated(&module),
            ))
        }
        _ => {
            let module = module(plain_shape(), &mut choices)?;
            Some(contract::component(
                "{}",
                ExtraModule::Called(&callable(&module)?),
            ))
        }
    }
}

fn module(shape: Config, choices: &mut Unstructured<'_>) -> Option<Vec<u8>> {
    let shape = Config {
        max_imports: 0,
        max_exports: 0,
        ..shape
    };
    let module = Module::new(shape, choices).ok()?;
    Some(module.to_bytes())
}

/// The module with its start function exported instead, as the name that `check` calls; nothing
/// where it has none.
fn callable(module: &[u8]) -> Option<Vec<u8>> {
    const START: u8 = 8;
    let mut at = 8;
    while let Some((&section, rest)) = module.get(at..).and_then(<[u8]>::split_first) {
        let (length, used) = leb(rest)?;
        let body = at + 1 + used..at + 1 + used + length;
        if section == START {
            let function = &module[body.clone()];
            let export = contract::export_section(function);
            return Some([&module[..at], &export, &module[body.end..]].concat());
        }
        at = body.end;
    }
    None
}

/// An unsigned number in LEB128, and how many bytes it takes.
fn leb(bytes: &[u8]) -> Option<(usize, usize)> {
    let last = bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let bytes = &bytes[..=last];
    let digits = bytes.iter().rev();
    let number = digits.fold(0, |sum, byte| (sum << 7) | usize::from(byte & 0x7f));
    Some((number, last + 1))
}

/// A component with a core module in it and nothing else.
fn nested(module: &[u8]) -> Vec<u8> {
    [
        b"\0asm\x0d\0\x01\0".to_vec(),
        contract::module_section(module),
    ]
    .concat()
}

/// What the host compiles under all circumstances.
fn plain_shape() -> Config {
    Config {
        min_funcs: 4,
        max_memories: 1,
        max_tables: 1,
        max_types: 4,
        reference_types_enabled: false,
        ..shape()
    }
}

/// Small, and with features that the host does not have left out as far as they can be.
fn shape() -> Config {
    Config {
        allow_start_export: true,
        compact_imports_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        min_funcs: 1,
        max_funcs: 12,
        max_instructions: 200,
        max_memories: 2,
        max_memory32_bytes: 16 << 20,
        max_nesting_depth: 3,
        max_table_elements: 10_000,
        max_tables: 3,
        max_tags: 0,
        reference_types_enabled: true,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

/// Noise is as good as anything to make a module of.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    (0..24).map(|seed| noise(seed, 256 << (seed % 5))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A target that never gets past the first door would find nothing.
    #[test]
    fn strange_modules_are_loaded_and_run() {
        const CALLED: u8 = 3;
        let mut ends = BTreeMap::new();
        for number in 0..240 {
            let mut input = noise(number, 2048);
            input[0] = CALLED;
            let Some(bytes) = made(&input) else { continue };
            let end = match arena::admit(&bytes) {
                Ok(plugin) => arena::run(&plugin, "{}".to_owned()).result(),
                Err(_) => "load",
            };
            *ends.entry(end).or_insert(0) += 1;
        }
        let [rejected, healthy] =
            ["load", "healthy"].map(|end| ends.get(end).copied().unwrap_or(0));
        let all: u32 = ends.values().sum();
        assert!(all >= 10 && rejected * 2 < all, "{ends:?}");
        assert!(rejected + healthy < all, "nothing trapped: {ends:?}");
    }

    #[test]
    fn a_start_function_is_held_to_the_limits() {
        let looping =
            wat::parse_str("(module (func $f (loop br 0)) (start $f))").expect("a module");
        let component = contract::component("{}", ExtraModule::Instantiated(&looping));
        let error = arena::admit(&component).expect_err("`describe` needs an instance");
        assert!(error.to_string().contains("fuel"), "{error}");
    }
}
