//! Guests as text: a core module with a frame around it that makes it a plugin.
//!
//! A guest of `tests/guests/wat/hostile` says only what is special about it. `;; + memory post`
//! inserts the parts of these names (`hostile/parts`). The types of the contract stand before it,
//! and the exports after it, unless it has its own.

use std::fs;
use std::path::PathBuf;

/// Returns the component that `hostile/<name>.wat` describes.
///
/// # Panics
///
/// Panics if there is no such file, or it is not WebAssembly text.
pub fn guest(name: &str) -> Vec<u8> {
    filled(name, &[])
}

/// Returns the same with values in the place of names in braces.
pub(super) fn filled(name: &str, values: &[(&str, &str)]) -> Vec<u8> {
    let fill = |text: String, (name, value): &(&str, &str)| text.replace(name, value);
    made(&values.iter().fold(read(&format!("{name}.wat")), fill))
}

/// Returns a good guest that has these fields besides, in its module.
pub(super) fn good_and(fields: &str) -> Vec<u8> {
    module("memory realloc describe post healthy well", fields)
}

/// Returns a good guest that has this before its module.
pub(super) fn good_after(before: &str) -> Vec<u8> {
    made(&format!(
        "{before}\n(core module $module\n  ;; + memory realloc describe post healthy well\n)"
    ))
}

/// Returns a guest of these parts and fields.
pub(super) fn module(parts: &str, fields: &str) -> Vec<u8> {
    made(&format!("(core module $module\n  ;; + {parts}\n{fields})"))
}

/// Returns the component of a guest that is not in a file.
///
/// # Panics
///
/// Panics if it is not WebAssembly text.
pub(crate) fn made(body: &str) -> Vec<u8> {
    let mut text = format!("(component\n{}", part("contract"));
    for line in body.lines() {
        match line.trim().strip_prefix(";; + ") {
            Some(parts) => text.extend(parts.split_whitespace().map(part)),
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
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error} in\n{body}"))
}

/// Returns the names of the guests that are in files.
///
/// # Panics
///
/// Panics if the directory cannot be read.
pub fn written() -> Vec<String> {
    let entries = fs::read_dir(directory()).expect("the guests can be read");
    let path = entries.map(|entry| entry.expect("an entry").path());
    let guests = path.filter(|path| path.extension().is_some_and(|ending| ending == "wat"));
    let name = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    guests.filter_map(name).collect()
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
