//! Small files that become much in the host, before any of their code runs.

use crate::hostile::case::{HostileCase, made};
use crate::hostile::compilation::{HEAD, leb, section};
use crate::hostile::frame::good_after;

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        made("sparse-memories",
            "30 modules that nothing is made of, each with two bytes 16 MiB from each other",
            || modules(30, 256, 0xff_fffe)).timeout(20_000).refused("bytes, the limit is"),
        made("outline-aliases", "a file of 60 MB that names one component 15 million times",
            || aliases(15_000_000)).timeout(20_000).refused("1001 components"),
    ]
}

/// A good guest with modules besides that nothing is made of. Each has so many pages of memory,
/// with a byte at the beginning and one at `last`.
fn modules(count: usize, pages: u32, last: u32) -> Vec<u8> {
    let module = format!(
        "(core module (memory {pages}) (data (i32.const 0) \"x\") (data (i32.const {last}) \"x\"))\n"
    );
    good_after(&module.repeat(count))
}

/// A component that names one component of the one around it so often, by hand: as text it would be
/// too large.
fn aliases(count: usize) -> Vec<u8> {
    let aliases = [leb(count), [4, 2, 1, 0].repeat(count)].concat();
    let inner = [HEAD, &section(6, &aliases)].concat();
    [HEAD, &section(4, HEAD), &section(4, &inner)].concat()
}
