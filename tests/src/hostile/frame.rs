//! Guests as text: a core module with a frame around it that makes it a plugin.
//!
//! A guest of `tests/guests/wat/hostile` says only what is special about it. `;; + memory post` puts the
//! parts of these names in its place (`hostile/parts`); the types of the contract stand before it, the
//! exports behind it, unless it has its own.

use std::fs;
use std::path::PathBuf;

/// The component that `hostile/<name>.wat` describes.
///
/// # Panics
///
/// There is no such file, or it is no WebAssembly text.
pub fn guest(name: &str) -> Vec<u8> {
    let body = read(&format!("{name}.wat"));
    component(&body).unwrap_or_else(|error| panic!("cannot use hostile/{name}.wat: {error}"))
}

/// The component of a guest that is made here rather than written in a file.
///
/// # Panics
///
/// It is no WebAssembly text.
pub(crate) fn made(body: &str) -> Vec<u8> {
    component(body).unwrap_or_else(|error| panic!("{error} in\n{body}"))
}

/// The names of the guests that are written in files.
///
/// # Panics
///
/// The directory can't be read.
pub fn written() -> Vec<String> {
    let entries = fs::read_dir(directory()).expect("the guests can be read");
    let path = entries.map(|entry| entry.expect("an entry").path());
    let guests = path.filter(|path| path.extension().is_some_and(|ending| ending == "wat"));
    let name = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    let mut names: Vec<_> = guests.filter_map(name).collect();
    names.sort();
    names
}

fn component(body: &str) -> Result<Vec<u8>, wat::Error> {
    let mut text = String::from("(component\n");
    text.push_str(&part("contract"));
    for line in body.lines() {
        match line.trim().strip_prefix(";; + ") {
            Some(parts) => parts
                .split_whitespace()
                .for_each(|name| text.push_str(&part(name))),
            None => text.extend([line, "\n"]),
        }
    }
    if !body.contains("(core instance $guest") {
        text.push_str("(core instance $guest (instantiate $module))\n");
    }
    if !body.contains("(export \"vitals:health/health-check@0.1.0\"") {
        text.push_str(&part("exports"));
    }
    text.push(')');
    wat::parse_str(&text)
}

fn part(name: &str) -> String {
    read(&format!("parts/{name}.wat"))
}

fn read(file: &str) -> String {
    let path = directory().join(file);
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("guests/wat/hostile")
}
