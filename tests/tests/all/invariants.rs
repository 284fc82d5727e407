//! Rules of the architecture that the compiler does not hold: read from the sources themselves.

use std::fs;
use std::path::{Path, PathBuf};

use vitals_tests::{Vitals, guests};

/// All files of Rust source below a directory of the repository, by their path in it.
fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut directories = vec![guests::root().join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("text");
                let path = path.strip_prefix(guests::root()).expect("below the root");
                found.push((path.to_owned(), text));
            }
        }
    }
    assert!(!found.is_empty(), "{directory} has sources");
    found
}

/// The lines of code, comments and tests left out, that hold one of `words`, outside of `rooms`.
fn lines_with(words: &[&str], rooms: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources("host/src") {
        let inside =
            |room: &&str| path.starts_with(room) || path == Path::new(&format!("{room}.rs"));
        let tests = path
            .iter()
            .any(|part| part == "tests" || part == "tests.rs");
        if tests || rooms.iter().any(inside) {
            continue;
        }
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let lines = code.filter(|line| words.iter().any(|word| line.contains(word)));
        found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
    }
    found
}

#[test]
fn only_the_plugin_room_names_wasmtime() {
    // The version of the engine is a constant of that room, and a label of a metric.
    let lines = lines_with(&["wasmtime::", "wasmtime_wasi"], &["host/src/plugin"]);
    assert_eq!(lines, Vec::<String>::new());
}

#[test]
fn only_the_bindings_name_a_version_of_the_contract() {
    let lines = lines_with(&["v0_", "V0_"], &["host/src/plugin/bindings"]);
    assert_eq!(lines, Vec::<String>::new());
}

#[test]
fn only_the_config_room_reads_the_environment() {
    let lines = lines_with(
        &["env::var", "env::vars", "env::remove_var"],
        &["host/config/src"],
    );
    assert_eq!(lines, Vec::<String>::new());
    let own = sources("host/config/src");
    assert!(
        own.iter()
            .any(|(_, text)| text.contains("env::vars_os") || text.contains("env::var_os"))
    );
}

#[test]
fn the_rooms_know_no_more_than_they_may() {
    for (room, strangers) in [
        (
            "config",
            &[
                "axum",
                "wasmtime",
                "crate::plugin",
                "crate::board",
                "crate::schedule",
                "crate::http",
            ][..],
        ),
        (
            "check",
            &[
                "axum",
                "wasmtime",
                "tokio::",
                "crate::config",
                "crate::plugin",
                "crate::board",
                "std::fs",
            ][..],
        ),
        (
            "plugin",
            &[
                "axum",
                "crate::http",
                "crate::schedule",
                "crate::board",
                "crate::catalog",
            ][..],
        ),
        (
            "schedule",
            &[
                "axum",
                "crate::http",
                "crate::plugin",
                "crate::board",
                "crate::catalog",
            ][..],
        ),
        (
            "board",
            &["axum", "crate::http", "crate::plugin", "crate::catalog"][..],
        ),
        (
            "http",
            &[
                "wasmtime",
                "crate::plugin",
                "crate::schedule",
                "crate::catalog",
            ][..],
        ),
    ] {
        let others: Vec<_> = [
            "config", "check", "plugin", "schedule", "board", "http", "catalog", "watch", "host",
            "metrics",
        ]
        .into_iter()
        .filter(|other| *other != room)
        .map(|other| format!("host/src/{other}"))
        .collect();
        let others: Vec<_> = others.iter().map(String::as_str).collect();
        let in_room = format!("host/src/{room}");
        let lines: Vec<_> = lines_with(strangers, &others)
            .into_iter()
            .filter(|line| line.starts_with(&in_room))
            .collect();
        assert_eq!(lines, Vec::<String>::new(), "the room `{room}`");
    }
}

#[test]
fn the_sdk_has_the_contract_as_it_is() {
    let read = |path: &str| fs::read_to_string(guests::root().join(path)).expect("a file");
    assert!(
        read("wit/health.wit") == read("sdk/wit/health.wit"),
        "copy wit/health.wit to sdk/wit/"
    );
    let files = |path: &str| {
        fs::read_dir(guests::root().join(path))
            .expect("a directory")
            .count()
    };
    assert_eq!(files("wit"), files("sdk/wit"));
}

#[test]
fn the_engine_is_the_one_of_the_lock_file() {
    let lock = fs::read_to_string(guests::root().join("Cargo.lock")).expect("Cargo.lock");
    let (_, after) = lock
        .split_once("name = \"wasmtime\"\nversion = \"")
        .expect("wasmtime is locked");
    let (locked, _) = after.split_once('"').expect("a version");
    assert_eq!(vitals_host::plugin::WASMTIME, locked);
    let engine =
        fs::read_to_string(guests::root().join("host/src/plugin/engine.rs")).expect("a file");
    assert!(
        engine.contains(&format!("\"{locked}-vitals-\"")),
        "compiled code is cached by this version"
    );
}

#[test]
fn the_schema_of_the_configuration_is_current() {
    let path = guests::root().join("vitals.schema.json");
    let committed = fs::read_to_string(path).unwrap_or_default();
    let current = format!("{:#}\n", vitals_host::config::json_schema());
    assert!(
        committed == current,
        "run `vitals schema > vitals.schema.json`"
    );
    let printed = Vitals::new(["schema"]).run();
    assert_eq!((printed.status, printed.stdout), (Some(0), current));
}

#[test]
fn wasmtime_is_built_without_what_the_host_does_not_use() {
    let cargo = std::process::Command::new(env!("CARGO"))
        .current_dir(guests::root())
        .args(["tree", "--offline", "--locked", "-p", "vitals-host"])
        .args(["-e", "normal,features", "-i", "wasmtime"])
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8_lossy(&cargo.stdout).into_owned();
    let said = String::from_utf8_lossy(&cargo.stderr).into_owned();
    let has = |feature: &str| tree.contains(&format!("wasmtime feature \"{feature}\""));
    assert!(
        has("component-model") && has("cranelift"),
        "it lists the features: {tree}{said}"
    );
    for unused in [
        "cache",
        "component-model-async",
        "debug",
        "gc",
        "gc-copying",
        "gc-drc",
        "gc-null",
        "parallel-compilation",
        "profiling",
        "stack-switching",
        "threads",
        "wat",
        "winch",
    ] {
        assert!(!has(unused), "`{unused}` is on: {tree}");
    }
}
