//! Rules of the architecture that the compiler does not enforce, read from the sources.

mod module_graph;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use vitals_tests::repository::{read, sources};
use vitals_tests::{Vitals, guests};

use module_graph::ModuleGraph;

/// The crates of the host, by their directories.
const CRATES: [&str; 10] = [
    "host",
    "host/cli",
    "host/config",
    "host/core",
    "host/io",
    "host/model",
    "host/report",
    "host/sandbox",
    "host/server",
    "host/values",
];

/// The names of the dependencies of a crate on any machine, without those of its tests.
fn dependencies(directory: &str) -> Vec<String> {
    let manifest = read(format!("{directory}/Cargo.toml"));
    let manifest: toml::Table = manifest.parse().expect("it is TOML");
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let tables = targets.into_iter().flat_map(toml::Table::values);
    tables
        .filter_map(toml::Value::as_table)
        .chain([&manifest])
        .filter_map(|table| table.get("dependencies")?.as_table())
        .flat_map(toml::Table::keys)
        .cloned()
        .collect()
}

/// Cargo rejects cycles; these are the other dependencies that the architecture excludes.
#[test]
fn only_some_crates_depend_on_each_library() {
    for (library, allowed) in [
        ("vitals-model", "config core host io report sandbox server"),
        ("vitals-io", "config core host report sandbox"),
        ("vitals-config", "core host report server"),
        ("vitals-sandbox", "core host report"),
        ("vitals-core", "host report server"),
        ("vitals-report", "host"),
        ("vitals-server", "host"),
        ("wasmtime", "sandbox"),
        ("hyper", "sandbox server"),
        ("axum", "host server"),
        ("prometheus", "report"),
        ("sentry-types", "report"),
        ("reqwest", "cli report"),
        ("tracing-subscriber", "cli"),
        ("tokio", "cli config core host io report sandbox server"),
    ] {
        for directory in CRATES {
            let all = dependencies(directory);
            let has_it = all.iter().any(|dependency| dependency.starts_with(library));
            let name = directory.rsplit('/').next().unwrap_or_default();
            let is_allowed = allowed.split(' ').any(|one| one == name);
            assert!(!has_it || is_allowed, "{directory} depends on {library}");
        }
    }
}

#[test]
fn published_crates_include_only_files_of_their_own_package() {
    let mut includes = 0;
    for directory in CRATES.into_iter().chain(["sdk", "sdk/macros"]) {
        let manifest = read(format!("{directory}/Cargo.toml"));
        assert!(!manifest.contains("publish"), "{directory} is published");
        for (path, text) in sources(format!("{directory}/src")) {
            let beside = path.parent().expect("a directory");
            let after = |opening: &'static str| text.split(opening).skip(1);
            let of_file = ["include_str!(\"", "include_bytes!(\"", "#[path = \""];
            let of_file = of_file.into_iter().flat_map(after);
            let of_package = after("include_dir!(\"$CARGO_MANIFEST_DIR/");
            // The WIT of generated bindings.
            let macros = ["generate!({", "bindgen!({"].into_iter().flat_map(after);
            let wit = macros.filter_map(|call| Some(call.split_once("path: \"")?.1));
            let of_package = of_package.chain(wit);
            let paths = of_file.map(|call| (beside, call));
            for (base, call) in paths.chain(of_package.map(|call| (Path::new(directory), call))) {
                let (included, _) = call.split_once('"').expect("a path");
                let included = without_dots(&base.join(included));
                assert!(
                    included.starts_with(directory),
                    "{} includes {}",
                    path.display(),
                    included.display()
                );
                // `cargo package` leaves out directories with a manifest.
                let nested = files_called("Cargo.toml", &guests::root().join(&included));
                assert_eq!(nested, Vec::<PathBuf>::new(), "{}", included.display());
                includes += 1;
            }
        }
    }
    assert!(
        includes > 7,
        "the templates of `vitals new`, and the bindings"
    );
}

/// The path with each `..` and the directory before it removed.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path {
        if part == ".." {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// The files with a name in a directory and its subdirectories, links included.
fn files_called(name: &str, directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_called(name, &path)
            } else if path.ends_with(name) {
                vec![path]
            } else {
                Vec::new()
            }
        })
        .collect()
}

/// The lines of the host's code that contain one of `words`, except comments, tests and the files below
/// `except`.
fn lines_with(words: &[&str], except: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources("host") {
        let is_test = path
            .iter()
            .any(|part| part == "tests" || part == "tests.rs");
        if is_test || is_in(&path, except) {
            continue;
        }
        let lines = text.lines().map(str::trim);
        let code = lines.filter(|line| !line.starts_with("//"));
        let lines = code.filter(|line| words.iter().any(|word| line.contains(word)));
        found.extend(lines.map(|line| format!("{}: {line}", path.display())));
    }
    found
}

#[test]
fn only_the_bindings_name_a_version_of_the_contract() {
    let lines = lines_with(&["v0_", "V0_"], "host/sandbox/src/bindings");
    assert_eq!(lines, Vec::<String>::new());
}

#[test]
fn only_the_configuration_reads_the_environment() {
    let calls = ["env::var", "env::vars", "env::remove_var"];
    let lines = lines_with(&calls, "host/config/src");
    assert_eq!(lines, Vec::<String>::new());
    let own = sources("host/config/src");
    let mut own = own.iter().map(|(_, text)| text);
    assert!(own.any(|text| text.contains("env::vars_os") || text.contains("env::var_os")));
}

/// Whether a file is that of a module, or lies below it.
fn is_in(file: &Path, module: &str) -> bool {
    file.starts_with(module) || file == Path::new(&format!("{module}.rs"))
}

/// The graphs of the crates in a directory: of the library, and of the binary.
fn graphs(directory: &str) -> Vec<ModuleGraph> {
    let files: BTreeMap<_, _> = sources(format!("{directory}/src")).into_iter().collect();
    let roots = ["lib.rs", "main.rs"].map(|root| Path::new(directory).join("src").join(root));
    let roots = roots.iter().filter(|root| files.contains_key(*root));
    roots.map(|root| ModuleGraph::of(root, &files)).collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for directory in CRATES {
        for graph in graphs(directory) {
            let files = graph.files_in_circles();
            assert!(files.is_empty(), "{files:#?} are in circles");
        }
    }
}

#[test]
fn modules_of_the_core_import_in_one_direction() {
    let at = |path: &str| format!("host/core/src/{path}");
    let [graph] = &graphs("host/core")[..] else {
        panic!("the core is a library");
    };
    for (module, others) in [
        ("schedule", &["board", "catalog", "events", "watch"][..]),
        ("board", &["catalog", "events", "watch"]),
    ] {
        let files = graph.imports.iter();
        for (file, imports) in files.filter(|(file, _)| is_in(file, &at(module))) {
            let is_above = |import: &PathBuf| others.iter().any(|other| is_in(import, &at(other)));
            let above: Vec<_> = imports.iter().filter(|import| is_above(import)).collect();
            assert!(above.is_empty(), "{} imports {above:?}", file.display());
        }
    }
    // Imports are found through re-exports: the publisher uses a result of the board.
    let imports = &graph.imports[Path::new(&at("publisher.rs"))];
    assert!(
        imports.contains(Path::new(&at("board/check_result.rs"))),
        "{imports:?}"
    );
}

#[test]
fn the_searches_of_the_guide_find_what_it_says() {
    let guide = read("CONTRIBUTING.md");
    let (_, section) = guide.split_once("## Where to find").expect("a section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    let rows = section.lines().filter(|line| line.contains("`git grep "));
    let mut searches = 0;
    for row in rows {
        let (_, search) = row.split_once("`git grep \"").expect("a search");
        let (words, rest) = search.split_once("\" host`").expect("in the host");
        let expected = rest.split('`').nth(1).expect("a file");
        let found = sources("host");
        let found = found.iter().filter(|(_, text)| text.contains(words));
        let found: Vec<_> = found.map(|(path, _)| path.as_path()).collect();
        assert_eq!(found, [Path::new(expected)], "{words}");
        searches += 1;
    }
    assert_eq!(searches, 4, "{section}");
}

#[test]
fn the_engine_is_the_one_of_the_lock_file() {
    let lock = read("Cargo.lock");
    let found = lock.split_once("name = \"wasmtime\"\nversion = \"");
    let (_, after) = found.expect("wasmtime is locked");
    let (locked, _) = after.split_once('"').expect("a version");
    assert_eq!(vitals_host::plugin::WASMTIME, locked);
    let engine = read("host/sandbox/src/engine.rs");
    assert!(
        engine.contains(&format!("\"{locked}-vitals-\"")),
        "compiled code is cached by this version"
    );
}

#[test]
fn the_schema_of_the_configuration_is_current() {
    let current = format!("{:#}\n", vitals_host::config::json_schema());
    let is_current = read("vitals.schema.json") == current;
    assert!(is_current, "run `vitals schema > vitals.schema.json`");
    assert_eq!(Vitals::new(["schema"]).exits(0).stdout, current);
}

#[test]
fn wasmtime_is_built_without_unused_features() {
    let tree = cargo_tree(&["-e", "normal,features", "-i", "wasmtime"]);
    let has = |feature: &str| tree.contains(&format!("wasmtime feature \"{feature}\""));
    assert!(
        has("component-model") && has("cranelift"),
        "it lists the features: {tree}"
    );
    let unused = "cache component-model-async debug gc gc-copying gc-drc gc-null parallel-compilation \
                  profiling stack-switching threads wat winch";
    for unused in unused.split_whitespace() {
        assert!(!has(unused), "`{unused}` is on: {tree}");
    }
}

#[test]
fn the_library_without_features_has_none_of_their_dependencies() {
    let packages = |features: &[&str]| -> BTreeSet<String> {
        let tree = cargo_tree(&[&["-e", "normal", "--prefix", "none"], features].concat());
        let names = tree.lines().filter_map(|line| line.split(' ').next());
        names.map(str::to_owned).collect()
    };
    let empty = packages(&["--no-default-features"]);
    assert!(empty.contains("vitals-core"), "{empty:?}");
    for unwanted in [
        "clap",
        "cranelift-codegen",
        "include_dir",
        "prometheus",
        "reqwest",
        "sentry-types",
        "tracing-appender",
        "tracing-subscriber",
    ] {
        assert!(!empty.contains(unwanted), "{unwanted}: {empty:?}");
    }
    let all = packages(&[]);
    for expected in ["cranelift-codegen", "prometheus", "reqwest", "sentry-types"] {
        assert!(
            all.contains(expected),
            "{expected} has another name: {all:?}"
        );
    }
}

/// The output of `cargo tree` for the host's library.
fn cargo_tree(arguments: &[&str]) -> String {
    let cargo = std::process::Command::new(env!("CARGO"))
        .current_dir(guests::root())
        .args(["tree", "--offline", "--locked", "-p", "vitals-host"])
        .args(arguments)
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&cargo.stderr);
    assert!(cargo.status.success(), "{errors}");
    String::from_utf8(cargo.stdout).expect("it is text")
}
