//! Guests that misbehave in `describe`, or describe themselves as nobody may.

use super::animal::{Animal, Group};
use super::frame;

pub(super) const GROUP: Group = Group {
    name: "descriptions",
    about: "`describe` is held to limits and to the contract before a plugin is one.",
};

pub(super) fn animals() -> Vec<Animal> {
    let new = Animal::new;
    vec![
        new("describe-spins", "loops in `describe`")
            .wat()
            .refused("used up its fuel"),
        new(
            "describe-grows",
            "takes more memory than anybody may in `describe`",
        )
        .wat()
        .refused("asked for"),
        new("describe-traps", "traps in `describe`")
            .wat()
            .refused("unreachable"),
        new(
            "describe-outside",
            "its description lies outside its memory",
        )
        .wat()
        .refused("`describe` failed"),
        new("describe-endless-list", "four billion annotations")
            .wat()
            .refused("`describe` failed"),
        new(
            "describe-same-text",
            "annotations that all show the same half mebibyte",
        )
        .wat()
        .refused("handed more than 2MiB"),
        new("code-empty", "calls itself nothing")
            .made(|| described("", "1.0.0", "{}"))
            .refused("it calls itself ``"),
        new("code-foul", "calls itself by terminal codes")
            .made(|| described("\\1b[31mred\\0a", "1.0.0", "{}"))
            .refused("it calls itself")
            .clean(),
        new("code-long", "calls itself by 100 KB")
            .made(|| described(&"x".repeat(100_000), "1.0.0", "{}"))
            .refused("it calls itself"),
        new("version-foul", "a version of two lines")
            .made(|| described("zoo", "1.0.0\\0a2.0.0", "{}"))
            .refused("its version is")
            .clean(),
        new("version-long", "a version of a thousand digits")
            .made(|| described("zoo", &"1".repeat(1000), "{}"))
            .refused("its version is"),
    ]
}

/// A guest that describes itself so, in the notation of WebAssembly text.
pub(super) fn described(code: &str, version: &str, schema: &str) -> Vec<u8> {
    let length = |text: &str| {
        let escapes = text.matches('\\').count();
        u32::try_from(text.len() - 2 * escapes).expect("texts are short")
    };
    let le = |number: u32| -> String {
        let bytes = number.to_le_bytes();
        bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
    };
    let (mut at, mut data, mut record) = (0x1000, String::new(), String::new());
    for text in [code, version, "zoo", schema] {
        data.push_str(text);
        let long = length(text);
        record.extend([le(at), le(long)]);
        at += long;
    }
    frame::made(&format!(
        "(core module $module\n  (memory (export \"memory\") 8)\n  \
         (data (i32.const 4096) \"{data}\")\n  (data (i32.const 64) \"{record}\")\n  \
         (func (export \"describe\") (result i32) (i32.const 64))\n  \
         ;; + realloc-high post healthy well\n)"
    ))
}
