//! Components of the right world that are compiled in a few milliseconds.

use std::fmt::Write as _;

use crate::hostile;

/// A core module without imports, beside the one that makes the component a check.
#[derive(Clone, Copy, Debug)]
pub(super) enum ExtraModule<'m> {
    None,
    /// It is instantiated, so that its start function runs, for `describe` as for `check`.
    Instantiated(&'m [u8]),
    /// Each run calls what it exports in [`export_section`].
    Called(&'m [u8]),
}

/// A component that describes itself with `schema`, and answers each run with the memory image that
/// its configuration contains ([`image_config`]).
pub(super) fn component(schema: &str, extra: ExtraModule<'_>) -> Vec<u8> {
    let (module, place, import, with) = match extra {
        ExtraModule::None => (None, "", "(func $go)", ""),
        ExtraModule::Instantiated(module) => (Some(module), "", "(func $go)", ""),
        ExtraModule::Called(module) => (
            Some(module),
            r#"(func (export "go"))"#,
            r#"(import "extra" "go" (func $go))"#,
            r#"(with "extra" (instance 0))"#,
        ),
    };
    let text = TEMPLATE
        .replace("<data>", &description(schema))
        .replace("<place>", place)
        .replace("<import>", import)
        .replace("<with>", with);
    let mut component = hostile::made(&text);
    if let Some(module) = module {
        let place = wat::parse_str(format!("(module {place})")).expect("it is a module");
        let place = module_section(&place);
        let mut places = component.windows(place.len());
        let at = places.position(|part| part == place);
        let at = at.expect("the template has a place for the module");
        component.splice(at..at + place.len(), module_section(module));
    }
    component
}

/// A core module as a section of a component.
pub(super) fn module_section(module: &[u8]) -> Vec<u8> {
    const CORE_MODULE: u8 = 1;
    section(CORE_MODULE, module)
}

/// The section of a core module that exports its function of this number, in LEB128, to be called.
pub(super) fn export_section(function: &[u8]) -> Vec<u8> {
    const EXPORT: u8 = 7;
    section(EXPORT, &[b"\x01\x02go\0", function].concat())
}

fn section(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut section = vec![kind];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits");
        length >>= 7;
        section.push(if length == 0 { low } else { low | 0x80 });
        if length == 0 {
            break;
        }
    }
    section.extend_from_slice(body);
    section
}

/// The configuration that makes the component answer with `image`, at [`IMAGE`].
pub(super) fn image_config(image: &[u8]) -> String {
    format!("{{\"m\":\"{}\"}}", hex("", image))
}

/// The `description` of the contract in memory from 0 on: five pairs of address and length, then the
/// texts.
fn description(schema: &str) -> String {
    let mut pairs = Vec::new();
    let mut texts = Vec::new();
    for text in ["fuzz", "1.0.0", "answers as it is told", schema, ""] {
        for number in [40 + texts.len(), text.len()] {
            let number = u32::try_from(number).expect("it is small");
            pairs.extend(number.to_le_bytes());
        }
        texts.extend(text.bytes());
    }
    assert!(texts.len() < 30_000, "a schema that fits before the image");
    hex("\\", &[pairs, texts].concat())
}

fn hex(prefix: &str, bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        write!(text, "{prefix}{byte:02x}").expect("a string can be written");
    }
    text
}

/// The address of the result.
pub(super) const IMAGE: u32 = 0x1_0000;

/// One page of texts, at most five of the image, and what the host allocates behind them. The extra
/// module takes the place of the first.
const TEMPLATE: &str = r#"
(core module <place>)
(core instance (instantiate 0))
(core module $module
  <import>
  (memory (export "memory") 64)
  (data (i32.const 0) "<data>")
  ;; + realloc-high post
  (func (export "describe") (result i32) (i32.const 0))
  (func $nibble (param i32) (result i32)
    (local.set 0 (i32.load8_u (local.get 0)))
    (i32.sub (local.get 0)
      (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get 0) (i32.const 58)))))
  (func (export "check") (param i32 i32) (param $from i32) (param $length i32) (param i32 i32 i32) (result i32)
    (local $to i32) (local $end i32)
    (call $go)
    (local.set $to (i32.const 0x10000))
    (local.set $end (i32.sub (i32.add (local.get $from) (local.get $length)) (i32.const 2)))
    (local.set $from (i32.add (local.get $from) (i32.const 6)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $from) (local.get $end)))
        (i32.store8 (local.get $to)
          (i32.or
            (i32.shl (call $nibble (local.get $from)) (i32.const 4))
            (call $nibble (i32.add (local.get $from) (i32.const 1)))))
        (local.set $from (i32.add (local.get $from) (i32.const 2)))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (br $next)))
    (i32.const 0x10000)))
(core instance $guest (instantiate $module <with>))"#;
