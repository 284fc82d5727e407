//! Small files that become much in the host, before any of their code runs.

use crate::hostile::case::HostileCase;
use crate::hostile::load::good_with;

pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        HostileCase::new(
            "sparse-memories",
            "30 modules that nothing is made of, each with two bytes 16 MiB from each other",
        )
        .made(|| modules(30, 256, 0xff_fffe))
        .timeout(20_000)
        .refused("bytes, the limit is"),
        HostileCase::new(
            "outline-aliases",
            "a file of 60 MB that names one component 15 million times",
        )
        .made(|| aliases(15_000_000))
        .timeout(20_000)
        .refused("1001 components"),
    ]
}

/// A good guest with modules besides that nothing is made of. Each has a memory of so many pages, with a
/// byte at its beginning and one at `last`.
fn modules(count: usize, pages: u32, last: u32) -> Vec<u8> {
    let module = format!(
        "(core module (memory {pages}) (data (i32.const 0) \"x\") (data (i32.const {last}) \"x\"))\n"
    );
    good_with(&module.repeat(count))
}

/// A component that names one component of the one around it so often, by hand: as text it would be too
/// large.
fn aliases(count: u32) -> Vec<u8> {
    const HEAD: &[u8] = b"\0asm\x0d\0\x01\0";
    let alias = [4, 2, 1, 0];
    let mut body = leb(count);
    body.extend(alias.repeat(count as usize));
    let mut inner = HEAD.to_vec();
    inner.push(6);
    inner.extend(leb(u32::try_from(body.len()).expect("it fits")));
    inner.extend(body);
    let mut outer = HEAD.to_vec();
    outer.extend([4, 8]);
    outer.extend(HEAD);
    outer.push(4);
    outer.extend(leb(u32::try_from(inner.len()).expect("it fits")));
    outer.extend(inner);
    outer
}

fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}
