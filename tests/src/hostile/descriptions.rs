//! Guests that misbehave in `describe`, or describe themselves as nobody may.

use super::case::{Group, HostileCase};
use super::frame;

pub(super) const GROUP: Group = Group {
    name: "descriptions",
    about: "`describe` is held to limits and to the contract before a plugin is one.",
    host: "",
};

pub(super) fn cases() -> Vec<HostileCase> {
    let new = HostileCase::new;
    vec![
        new("describe-spins", "loops in `describe`")
            .wat()
            .refused("its `describe` failed: used up its fuel"),
        new("describe-waits", "waits for an hour in `describe`")
            .wat()
            .refused("timed out after 5s"),
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
        .refused("passed more than 2MiB"),
        new("code-empty", "calls itself nothing")
            .made(|| described("", "1.0.0", "{}"))
            .refused("its code is ``"),
        new("code-foul", "calls itself by terminal codes")
            .made(|| described("\u{1b}[31mred\n", "1.0.0", "{}"))
            .refused("its code is")
            .clean(),
        new("code-long", "calls itself by 100 KB")
            .made(|| described(&"x".repeat(100_000), "1.0.0", "{}"))
            .refused("its code is"),
        new("version-foul", "a version of two lines")
            .made(|| described("bad", "1.0.0\n2.0.0", "{}"))
            .refused("its version is")
            .clean(),
        new("version-long", "a version of a thousand digits")
            .made(|| described("bad", &"1".repeat(1000), "{}"))
            .refused("its version is"),
    ]
}

/// A guest that describes itself so.
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
