//! Guests that misbehave in `describe`, or describe themselves as nobody may.

use super::case::{Group, HostileCase, made, wat};
use super::flaws::{FOR_EVER, data, describe};
use super::frame;

pub(super) const GROUP: Group = Group::new(
    "descriptions",
    "`describe` has to stay within its limits and follow the contract; otherwise the plugin is \
     rejected.",
);

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        describe("describe-spins", "loops in `describe`", FOR_EVER)
            .refused("its `describe` failed: used up its fuel"),
        wat("describe-waits", "waits for an hour in `describe`").refused("timed out after 5s"),
        describe("describe-grows", "takes more memory than any guest may in `describe`",
            "(drop (memory.grow (i32.const 2000))) (i32.const 0)").refused("asked for"),
        describe("describe-traps", "traps in `describe`", "unreachable").refused("unreachable"),
        describe("describe-outside", "returns a description outside its memory", "(i32.const -16)")
            .refused("`describe` failed"),
        data("describe-endless-list", "four billion annotations", &[(96, r"\00\00\00\00\ff\ff\ff\ff")])
            .refused("`describe` failed"),
        wat("describe-same-text", "annotations that all point to the same half mebibyte")
            .refused("passed more than 2MiB"),
        made("code-empty", "has an empty code", || described("", "1.0.0", "{}")).refused("its code is ``"),
        made("code-foul", "has terminal codes in its code", || described("\u{1b}[31mred\n", "1.0.0", "{}"))
            .refused("its code is").clean(),
        made("code-long", "has a code of 100 KB", || described(&"x".repeat(100_000), "1.0.0", "{}"))
            .refused("its code is"),
        made("version-foul", "a version of two lines", || described("bad", "1.0.0\n2.0.0", "{}"))
            .refused("its version is").clean(),
        made("version-long", "a version of a thousand digits", || described("bad", &"1".repeat(1000), "{}"))
            .refused("its version is"),
    ]
}

/// A guest with this description.
pub(super) fn described(code: &str, version: &str, schema: &str) -> Vec<u8> {
    let escaped = |bytes: &[u8]| -> String {
        let escape = |byte: &u8| format!("\\{byte:02x}");
        bytes.iter().map(escape).collect()
    };
    let (mut at, mut data, mut record) = (0x1000_u32, String::new(), String::new());
    for text in [code, version, "bad", schema] {
        let long = u32::try_from(text.len()).expect("texts are short");
        data.push_str(&escaped(text.as_bytes()));
        record.extend([at, long].map(|number| escaped(&number.to_le_bytes())));
        at += long;
    }
    frame::made(&format!(
        "(core module $module\n  (memory (export \"memory\") 8)\n  \
         (data (i32.const 4096) \"{data}\")\n  (data (i32.const 64) \"{record}\")\n  \
         (func (export \"describe\") (result i32) (i32.const 64))\n  \
         ;; + realloc-high post healthy well\n)"
    ))
}
