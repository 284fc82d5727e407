//! Components of the right world that are small enough to be compiled in a few milliseconds.

use std::fmt::Write as _;

/// A core module without imports, beside the one that makes the component a check.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stranger<'m> {
    /// There is none.
    Nobody,
    /// It is instantiated, so that its start function runs, for `describe` as for `check`.
    Instantiated(&'m [u8]),
    /// Each run calls what it exports as [`export_section`] has it.
    Called(&'m [u8]),
}

/// A component that describes itself with `schema` and answers each run with the memory image that
/// its configuration holds, as [`image_config`] writes it.
pub(super) fn component(schema: &str, stranger: Stranger<'_>) -> Vec<u8> {
    let (module, place, import, with) = match stranger {
        Stranger::Nobody => (None, "", "(func $go)", ""),
        Stranger::Instantiated(module) => (Some(module), "", "(func $go)", ""),
        Stranger::Called(module) => (
            Some(module),
            r#"(func (export "go"))"#,
            r#"(import "stranger" "go" (func $go))"#,
            r#"(with "stranger" (instance 0))"#,
        ),
    };
    let text = TEMPLATE
        .replace("<data>", &description(schema))
        .replace("<place>", place)
        .replace("<import>", import)
        .replace("<with>", with);
    let mut component = wat::parse_str(text).expect("the template is a component");
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

/// The configuration that makes the component answer with `image`, laid at [`IMAGE`].
pub(super) fn image_config(image: &[u8]) -> String {
    let mut config = String::with_capacity(image.len() * 2 + 8);
    config.push_str("{\"m\":\"");
    for byte in image {
        write!(config, "{byte:02x}").expect("a text takes all");
    }
    config.push_str("\"}");
    config
}

/// The `description` of the contract as it lies in memory from 0 on: five pairs of address and
/// length, then the texts.
fn description(schema: &str) -> String {
    let mut pairs = Vec::new();
    let mut texts = Vec::new();
    for text in ["fuzz", "1.0.0", "answers as it is told", schema, ""] {
        let address = u32::try_from(40 + texts.len()).expect("it is small");
        let length = u32::try_from(text.len()).expect("it is small");
        pairs.extend(address.to_le_bytes());
        pairs.extend(length.to_le_bytes());
        texts.extend(text.bytes());
    }
    assert!(texts.len() < 30_000, "a schema that fits before the image");
    escaped(&[pairs, texts].concat())
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        write!(text, "\\{byte:02x}").expect("a text takes all");
    }
    text
}

/// Where the component lays what it answers.
pub(super) const IMAGE: u32 = 0x1_0000;

/// One page of texts, eight of the image, and what the host hands over behind them. The strange
/// module takes the place of the first.
const TEMPLATE: &str = r#"
(component
  (core module <place>)
  (core instance (instantiate 0))
  (core module $m
    <import>
    (memory (export "memory") 64)
    (global $free (mut i32) (i32.const 0x90000))
    (data (i32.const 0) "<data>")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
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
  (core instance $i (instantiate $m <with>))
  (type $status-type (enum "healthy" "degraded" "unhealthy"))
  (export $status "status" (type $status-type))
  (type $value-type (variant (case "text" string) (case "integer" s64) (case "decimal" f64)
    (case "boolean" bool) (case "json" string)))
  (export $value "value" (type $value-type))
  (type $detail-type (record (field "key" string) (field "value" $value)))
  (export $detail "detail" (type $detail-type))
  (type $bound-type (variant (case "above" f64) (case "below" f64)))
  (export $bound "bound" (type $bound-type))
  (type $measurement-type (record (field "name" string) (field "value" f64)
    (field "unit" string) (field "degraded-at" (option $bound))
    (field "unhealthy-at" (option $bound))))
  (export $measurement "measurement" (type $measurement-type))
  (type $outcome-type (record (field "status" $status) (field "message" string)
    (field "details" (list $detail)) (field "measurements" (list $measurement))))
  (export $outcome "outcome" (type $outcome-type))
  (type $request-type (record (field "check" string) (field "config" string)
    (field "timeout-ms" u32) (field "previous" (option $status))))
  (export $request "request" (type $request-type))
  (type $description-type (record (field "code" string) (field "version" string)
    (field "summary" string) (field "config-schema" string)
    (field "annotations" (list (tuple string string)))))
  (export $description "description" (type $description-type))
  (func $describe (result $description)
    (canon lift (core func $i "describe") (memory (core memory $i "memory"))))
  (func $check (param "request" $request) (result (result $outcome (error string)))
    (canon lift (core func $i "check") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $health-check
    (export "describe" (func $describe))
    (export "check" (func $check)))
  (export "vitals:health/health-check@0.1.0" (instance $health-check)))
"#;
