//! Removes function names that are too long to be kept with the code.
//!
//! When a guest traps, the engine copies the name of each function on its stack, and a name can be
//! as long as the file. This module must not know how names are shown.

use std::borrow::Cow;

use wasmparser::{KnownCustom, Name, NameSectionReader, Parser, Payload};

/// Removes the names of each module that has a name longer than [`MAX_NAME_BYTES`]; its functions
/// are then shown as numbers. What can't be parsed is left to the compiler.
pub(super) fn strip_long_names(wasm: &[u8]) -> Cow<'_, [u8]> {
    let mut stripped = Cow::Borrowed(wasm);
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        if let Payload::CustomSection(section) = payload
            && let KnownCustom::Name(names) = section.as_known()
            && has_long_names(names)
        {
            // The section's name precedes its content. A section with another name has no meaning.
            let contents = section.data_offset();
            let name = contents - RENAMED_SECTION.len()..contents;
            stripped.to_mut()[name].copy_from_slice(RENAMED_SECTION);
        }
    }
    stripped
}

fn has_long_names(names: NameSectionReader<'_>) -> bool {
    names.into_iter().any(|names| {
        let Ok(Name::Function(functions)) = names else {
            return false;
        };
        let mut functions = functions.into_iter().map_while(Result::ok);
        functions.any(|naming| naming.name.len() > MAX_NAME_BYTES)
    })
}

/// As long as `name`.
const RENAMED_SECTION: &[u8; 4] = b"long";
/// The longest name that is kept. Compilers make names of some kilobytes for nested generics.
const MAX_NAME_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// A component with a module of one function, whose name has `length` bytes.
    fn component(length: usize) -> Vec<u8> {
        let section = |id: u8, body: &[u8]| [&[id], &leb(body.len())[..], body].concat();
        let text = |bytes: &[u8]| [&leb(bytes.len())[..], bytes].concat();
        let names = [&[1, 0][..], &text(&vec![b'x'; length])].concat();
        let names = [text(b"name"), section(1, &names)].concat();
        let module = [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, &[1, 0x60, 0, 0]),
            section(3, &[1, 0]),
            section(10, &[1, 3, 0, 0, 0x0b]),
            section(0, &names),
        ];
        [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module.concat())].concat()
    }

    /// Three bytes of LEB128, whether the value needs them or not.
    fn leb(value: usize) -> [u8; 3] {
        let low = |value: usize| value.to_le_bytes()[0] & 0x7f;
        [low(value) | 0x80, low(value >> 7) | 0x80, low(value >> 14)]
    }

    #[test]
    fn a_module_loses_its_names_where_one_is_too_long() {
        for (length, is_kept) in [(MAX_NAME_BYTES, true), (MAX_NAME_BYTES + 1, false)] {
            let component = component(length);
            let stripped = strip_long_names(&component);
            assert_eq!(matches!(stripped, Cow::Borrowed(_)), is_kept, "{length}");
            let is_names = |payload: wasmparser::Result<Payload<'_>>| match payload.unwrap() {
                Payload::CustomSection(section) => Some(section.name() == "name"),
                _ => None,
            };
            let found: Vec<_> = Parser::new(0)
                .parse_all(&stripped)
                .filter_map(is_names)
                .collect();
            assert_eq!(found, [is_kept], "{length}");
        }
    }
}
