//! Files that are no plugins, or that cost more to look at than they should.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::case::{Body, Group, HostileCase, case, made};
use super::flaws::{FOR_EVER, check};
use super::frame::good_after;
use super::world;
use crate::guests;

pub(super) const GROUP: Group = Group::new(
    "files of plugins",
    "The host reads, inspects and compiles files in the plugins directory. A bad file affects no \
     other plugin.",
);

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let placed = |name, does, place: fn(&Path)| case(name, does, Body::Placed(place));
    vec![
        made("file-empty", "an empty file", Vec::new)
            .refused("the file is empty; if it is being written, the host reads it again once it is complete"),
        made("file-core", "a core module", || guests::wat("core"))
            .refused("it is a core module, but vitals runs components: build it for `wasm32-wasip2` \
                      instead of `wasm32-wasip1` or `wasm32-unknown-unknown`"),
        made("file-precompiled", "native code that was compiled before", precompiled)
            .refused("it is a precompiled artifact; vitals compiles plugins itself: give it the .wasm file"),
        made("file-elf", "an executable of this machine", || b"\x7fELF\x02\x01\x01\0".repeat(1000))
            .refused("it is not a WebAssembly file: build it with `cargo build --target wasm32-wasip2`"),
        made("file-noise", "random bytes after the header of a component", noise)
            .refused("it does not compile: "),
        case("file-truncated", "a good plugin, cut off at each KiB", Body::Litter(truncated)).refused(""),
        placed("file-large", "a file of 64 MiB and a byte", |path| sparse(path, (64 << 20) + 1))
            .refused("67108865 bytes"),
        placed("file-1gib", "a file of a gibibyte", |path| sparse(path, 1 << 30)).refused("1073741824 bytes"),
        made("file-zeroes", "64 MiB of custom sections", zeroes).timeout(20_000).healthy(),
        placed("file-directory", "a directory with the name of a plugin",
            |path| fs::create_dir(path).expect("made")).refused("cannot read it: it is not a regular file"),
        placed("file-pipe", "a pipe with the name of a plugin", world::fifo).refused("not a regular file"),
        placed("file-device", "a link to a device that never ends", |path| link(Path::new("/dev/zero"), path))
            .refused("not a regular file"),
        placed("file-passwd", "a link to a file that is no plugin", |path| link(Path::new("/etc/passwd"), path))
            .refused("not a WebAssembly file"),
        placed("file-circle", "a link that leads to itself",
            |path| link(Path::new(path.file_name().expect("it has one")), path)).refused("cannot read it"),
        placed("file-link", "a link to a good plugin", |path| link(&guests::HELLO.path(), path))
            .timeout(20_000).healthy(),
        case("file-names", "valid plugins with invalid names", Body::Litter(odd_names))
            .refused("is not a valid plugin name: use 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`, \
                      starting with a letter or digit; rename the file").clean(),
        check("file-pinned", "a file that is not the pinned one", FOR_EVER)
            .with(&format!("sha256 = '{}'", "5f".repeat(32))).refused("the configuration asks for 5f5f5f"),
        case("file-trickles", "a valid plugin that is written slowly", Body::Trickle)
            .timeout(20_000).healthy().message("hello"),
        case("file-replaced", "replaced a hundred times within a second", Body::Series(replacements))
            .timeout(20_000).healthy().message("hello"),
        made("world-none", "a component that exports nothing", || guests::wat("empty-component"))
            .refused("it is a component of another world: it exports nothing, but a check must export \
                      `vitals:health/health-check@0.1.0`"),
        made("world-types", "a contract with other types", || guests::wat("other-types"))
            .refused("its interfaces do not fit this host: "),
        made("world-newer", "a contract of a newer version", || guests::wat("other-version"))
            .refused("it is built against vitals:health@0.9.0, this host speaks 0.1.0: build it with the SDK \
                      of this host's version, or update the host"),
        importing("world-older", "imports of an older contract", "vitals:health/reporting@0.0.1", "")
            .refused("0.0.1"),
        importing("world-wasi-newer", "imports of a future version of WASI",
            "wasi:clocks/monotonic-clock@0.3.0", "").refused("wasi:clocks/monotonic-clock@0.3.0"),
        importing("world-wasi-types", "an import of WASI with other types",
            "wasi:clocks/monotonic-clock@0.2.0", r#"(export "now" (func (result string)))"#)
            .refused("do not fit this host"),
        importing("world-unknown", "an unknown import",
            "acme:thing/api@1.0.0", r#"(export "ping" (func (result string)))"#)
            .refused("it imports `acme:thing/api@1.0.0`, which vitals does not offer: a plugin may import \
                      vitals:health and WASI 0.2 (cli, clocks, filesystem, http, io, random, sockets)"),
        made("world-many", "ten thousand imports", many_imports).refused(""),
        made("world-core", "an import of a core module", || good_after(r#"(import "m" (core module))"#))
            .refused(""),
    ]
}

/// A good guest that imports an instance besides.
fn importing(
    name: &'static str,
    does: &'static str,
    instance: &'static str,
    exports: &'static str,
) -> HostileCase {
    made(name, does, move || {
        good_after(&format!("(import \"{instance}\" (instance {exports}))"))
    })
}

fn many_imports() -> Vec<u8> {
    let mut imports = String::new();
    for number in 0..10_000 {
        let written = writeln!(imports, "(import \"acme:n{number}/api\" (instance))");
        written.expect("memory takes it");
    }
    good_after(&imports)
}

fn noise() -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.extend((0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]));
    bytes
}

fn zeroes() -> Vec<u8> {
    let mut bytes = guests::HELLO.bytes();
    // A custom section of 8 MiB less its head, seven times.
    for _ in 0..7 {
        bytes.extend(b"\x00\xfc\xff\xff\x03\x01x");
        bytes.extend(vec![0; (8 << 20) - 6]);
    }
    bytes
}

fn precompiled() -> Vec<u8> {
    let engine = wasmtime::Engine::default();
    let component = wasmtime::component::Component::new(&engine, guests::wat("empty-component"));
    let artifact = component.and_then(|component| component.serialize());
    artifact.expect("it compiles")
}

fn truncated() -> Vec<(String, Vec<u8>)> {
    let whole = guests::HELLO.bytes();
    let lengths = (1..whole.len())
        .step_by(1 << 10)
        .chain([4, 8, 9, whole.len() - 1]);
    let cut = |length: usize| (format!("cut-{length}"), whole[..length].to_vec());
    lengths.map(cut).collect()
}

/// Names that no plugin can have; none of them is text that could be shown as it is.
fn odd_names() -> Vec<(String, Vec<u8>)> {
    let names = [
        "Bad Name",
        "\u{1b}[2J\u{202e}",
        "line\nbreak",
        "-dash",
        "ünicode",
        "a;rm -rf",
        "$(id)",
        "%2e%2e",
        "\u{200b}",
        &"x".repeat(200),
    ];
    names
        .map(|name| (name.to_owned(), guests::HELLO.bytes()))
        .into()
}

/// A hundred files, every other one broken, the last one good.
fn replacements() -> Vec<Vec<u8>> {
    let good = guests::HELLO.bytes();
    let kinds = [good_after(""), good[..good.len() / 2].to_vec()];
    let mut files: Vec<_> = kinds.into_iter().cycle().take(99).collect();
    files.push(good);
    files
}

fn sparse(path: &Path, size: u64) {
    let unfinished = path.with_extension("unfinished");
    let made = fs::File::create(&unfinished).and_then(|file| file.set_len(size));
    made.and_then(|()| fs::rename(&unfinished, path))
        .expect("the file can be made");
}

fn link(to: &Path, path: &Path) {
    symlink(to, path).expect("a link can be made");
}
