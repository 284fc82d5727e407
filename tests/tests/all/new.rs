//! `vitals new`: its files are complete and current, and invalid arguments are rejected. The modules
//! cover the first steps of an author in each language, and the guide for authors.

mod guide;
mod walk;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use vitals_tests::{Shell, Vitals, guests, repository};

#[test]
fn invalid_arguments_are_rejected_with_a_remedy() {
    let new = |arguments: &[&str]| Vitals::new([&["new"], arguments].concat());
    let languages = "[possible values: rust, js, python]";
    for (arguments, expected) in [
        (
            &["My Check"][..],
            "`My Check` is not a valid plugin name: use 1 to 64 characters of a-z, 0-9",
        ),
        (&["../check"], "`../check` is not a valid plugin name"),
        (&["1st"], "use only a-z, 0-9 and -, starting with a letter"),
        (&["a.b", "--lang", "js"], "use only a-z, 0-9 and -"),
        (&["a_b", "--lang", "python"], "use only a-z, 0-9 and -"),
        (&["match"], "choose a longer name"),
        (&["vitals-sdk"], "choose a longer name"),
        (&["serde"], "choose a longer name"),
        (&["a", "--lang", "go"], languages),
        (&["a", "--lang"], languages),
        (&[], "Usage: vitals new <NAME>"),
    ] {
        let ended = new(arguments).exits(2);
        assert!(ended.stderr.contains(expected), "{arguments:?}: {ended}");
    }
    // A keyword of Rust is none of JavaScript.
    new(&["match", "--lang", "js"]).exits(0);
}

#[test]
fn only_an_empty_directory_is_used() {
    let in_directory = || {
        let vitals = Vitals::new(["new", "taken"]);
        fs::create_dir(vitals.place().path().join("taken")).expect("it is new");
        vitals
    };
    in_directory().exits(0);

    let vitals = in_directory();
    vitals.place().write("taken/mine", "");
    let ended = vitals.exits(1);
    assert_eq!(ended.stdout, "");
    let expected =
        "/taken: the directory is not empty; choose another name, or empty the directory";
    assert!(ended.stderr.contains(expected), "{ended}");

    let vitals = Vitals::new(["new", "taken"]);
    vitals.place().write("taken", "");
    let ended = vitals.exits(1);
    assert!(ended.stderr.contains("choose another name"), "{ended}");
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_with_a_remedy() {
    let cache = TempDir::new().expect("a directory");
    // Not even root can write there.
    let ended = Shell::new("/proc", cache.path()).run("vitals new my-check");
    let error = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{error}");
    let expected = "vitals: cannot write /proc/my-check: ";
    assert!(error.starts_with(expected), "{error}");
    assert!(error.contains("change to a writable directory"), "{error}");
}

#[test]
fn the_written_crate_contains_the_sdk_of_the_repository() {
    let written = written(&["new", "my-check"]);
    for (path, text) in &written {
        if path.ends_with("Cargo.toml") {
            let inherits = text.contains("workspace = true");
            assert!(!inherits, "{path} inherits from a workspace:\n{text}");
        }
    }
    let vendored = written
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix("vendor/vitals-sdk/")?, text)));
    let vendored: BTreeMap<_, _> = vendored.collect();
    let mut sdk = files_below(&guests::root().join("sdk"));
    let values = files_below(&guests::root().join("host/values")).into_iter();
    sdk.extend(values.map(|(path, text)| (format!("values/{path}"), text)));
    let sdk: BTreeMap<_, _> = sdk
        .iter()
        .map(|(path, text)| (path.as_str(), text))
        .filter(|(path, _)| !path.starts_with("tests/"))
        .collect();
    let names =
        |files: &BTreeMap<&str, &String>| files.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&vendored), names(&sdk), "build the binary again");
    for file in ["wit/health.wit", "macros/src/lib.rs", "values/src/lib.rs"] {
        assert!(sdk.contains_key(file), "{file}");
    }
    for (path, text) in sdk {
        let is_same = path.ends_with("Cargo.toml") || text == vendored[path];
        assert!(is_same, "{path} is outdated: build the binary again");
    }
}

#[test]
fn a_check_in_a_script_language_has_the_contract_and_the_tools_of_the_tests() {
    let read = |path: &str| repository::read(path);
    let js = written(&["new", "a-check", "--lang", "js"]);
    assert_eq!(js["wit/health.wit"], read("wit/health.wit"));
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let tests = json(&read("tests/script-guests/js/package.json"));
    let package = json(&js["package.json"]);
    assert_eq!(package["name"], "a-check");
    assert_eq!(package["devDependencies"], tests["devDependencies"]);
    let lock = json(&js["package-lock.json"]);
    let itself = &lock["packages"][""];
    assert_eq!(
        (&lock["name"], &itself["name"]),
        (&package["name"], &package["name"])
    );
    assert_eq!(itself["devDependencies"], package["devDependencies"]);

    let python = written(&["new", "a-check", "--lang", "python"]);
    assert_eq!(python["wit/health.wit"], read("wit/health.wit"));
    let pins = read("tests/script-guests/python/requirements.txt");
    assert_eq!(python["requirements.txt"], pins);
    for (path, text) in js.iter().chain(&python) {
        let has_name = text.contains("my-check");
        assert!(!has_name, "{path} has the name of the template:\n{text}");
    }
}

/// The files that a command line writes, by their paths within the directory of the check.
fn written(arguments: &[&str]) -> BTreeMap<String, String> {
    let directory = TempDir::new().expect("a directory");
    let shell = Shell::new(directory.path(), directory.path());
    shell.succeed(&format!("vitals {}", arguments.join(" ")));
    files_below(&directory.path().join(arguments[1]))
}

fn files_below(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            let below = files_below(&path).into_iter();
            found.extend(below.map(|(path, text)| (format!("{name}/{path}"), text)));
        } else {
            let text = fs::read_to_string(&path).expect("a text");
            found.insert(name.into_owned(), text);
        }
    }
    found
}
