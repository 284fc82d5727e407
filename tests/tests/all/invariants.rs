//! Rules of the architecture that the compiler does not hold: read from the sources themselves.

mod module_graph;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use vitals_tests::{Vitals, guests};

use module_graph::ModuleGraph;

/// All files of Rust source below a directory of the repository, by their path in it.
fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut directories = vec![guests::root().join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            // A link leads to a file of another crate.
            if path.is_symlink() {
                continue;
            }
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
    for (path, text) in sources("host") {
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

/// The crates below `host/`, and which of the others each may depend on.
const CRATES: &[(&str, &str, &[&str])] = &[
    ("host/values", "vitals-values", &[]),
    ("host/model", "vitals-model", &["vitals-values"]),
    ("host/io", "vitals-io", &["vitals-model"]),
    (
        "host/config",
        "vitals-config",
        &["vitals-io", "vitals-model", "vitals-values"],
    ),
    (
        "host/sandbox",
        "vitals-sandbox",
        &["vitals-io", "vitals-model", "vitals-values"],
    ),
    (
        "host/core",
        "vitals-core",
        &[
            "vitals-config",
            "vitals-io",
            "vitals-model",
            "vitals-sandbox",
            "vitals-values",
        ],
    ),
    (
        "host/report",
        "vitals-report",
        &[
            "vitals-config",
            "vitals-core",
            "vitals-io",
            "vitals-model",
            "vitals-sandbox",
        ],
    ),
    (
        "host/server",
        "vitals-server",
        &[
            "vitals-config",
            "vitals-core",
            "vitals-model",
            "vitals-values",
        ],
    ),
    (
        "host",
        "vitals-host",
        &[
            "vitals-config",
            "vitals-core",
            "vitals-io",
            "vitals-model",
            "vitals-report",
            "vitals-sandbox",
            "vitals-server",
        ],
    ),
    ("host/cli", "vitals", &["vitals-host", "vitals-values"]),
];

/// The names of what a crate depends on, on any machine, its tests left out.
fn dependencies(directory: &str) -> Vec<String> {
    let path = guests::root().join(directory).join("Cargo.toml");
    let manifest = fs::read_to_string(&path).expect("a manifest");
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

#[test]
fn published_crates_include_only_files_of_their_own_package() {
    let mut includes = 0;
    let host = CRATES.iter().map(|(directory, _, _)| *directory);
    for directory in host.chain(["sdk", "sdk/macros"]) {
        let manifest = guests::root().join(directory).join("Cargo.toml");
        let manifest = fs::read_to_string(manifest).expect("a manifest");
        assert!(!manifest.contains("publish"), "{directory} is published");
        for (path, text) in sources(&format!("{directory}/src")) {
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

#[test]
fn crates_depend_in_one_direction() {
    for (directory, name, below) in CRATES {
        for dependency in dependencies(directory) {
            let is_ours = CRATES.iter().any(|(_, other, _)| *other == dependency);
            let is_below = below.contains(&dependency.as_str());
            assert!(!is_ours || is_below, "{name} depends on {dependency}");
        }
    }
}

#[test]
fn only_the_crate_that_a_library_is_for_depends_on_it() {
    for (library, allowed) in [
        ("wasmtime", &["vitals-sandbox"][..]),
        ("hyper", &["vitals-sandbox", "vitals-server"]),
        ("axum", &["vitals-host", "vitals-server"]),
        ("prometheus", &["vitals-report"]),
        ("sentry-types", &["vitals-report"]),
        ("reqwest", &["vitals", "vitals-report"]),
        ("tracing-subscriber", &["vitals"]),
    ] {
        for (directory, name, _) in CRATES {
            let has_it = dependencies(directory)
                .iter()
                .any(|dependency| dependency.starts_with(library));
            assert!(!has_it || allowed.contains(name), "{name}: {library}");
        }
    }
    let model = dependencies("host/model");
    let has_runtime = model.iter().any(|name| name == "tokio");
    assert!(!has_runtime, "the model does no I/O: {model:?}");
}

#[test]
fn only_the_bindings_name_a_version_of_the_contract() {
    let lines = lines_with(&["v0_", "V0_"], &["host/sandbox/src/bindings"]);
    assert_eq!(lines, Vec::<String>::new());
}

#[test]
fn only_the_configuration_reads_the_environment() {
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
fn modules_of_the_core_import_in_one_direction() {
    let graphs = graphs("host/core/src");
    for (module, others) in [
        ("schedule", &["board", "catalog", "events", "watch"][..]),
        ("board", &["catalog", "events", "watch"]),
    ] {
        let module = format!("host/core/src/{module}");
        for (file, import) in imports_from(&graphs, &module) {
            let is_one = |other: &&str| is_in(import, &format!("host/core/src/{other}"));
            let is_known = !others.iter().any(is_one);
            assert!(is_known, "{} imports {}", file.display(), import.display());
        }
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for directory in WITHOUT_CIRCLES {
        for graph in graphs(directory) {
            let circles = graph.circles();
            assert!(circles.is_empty(), "{directory}: {circles:#?}");
        }
    }
}

/// The crates in which no two files import each other, however far around.
const WITHOUT_CIRCLES: &[&str] = &[
    "host/src",
    "host/cli/src",
    "host/config/src",
    "host/core/src",
    "host/io/src",
    "host/model/src",
    "host/report/src",
    "host/sandbox/src",
    "host/server/src",
    "host/values/src",
];

/// Whether a file is that of a module, or lies below it.
fn is_in(file: &Path, module: &str) -> bool {
    file.starts_with(module) || file == Path::new(&format!("{module}.rs"))
}

/// The graphs of the crates in a directory of sources: of the library, and of the binary.
fn graphs(directory: &str) -> Vec<ModuleGraph> {
    let files: BTreeMap<_, _> = sources(directory).into_iter().collect();
    let roots = ["lib.rs", "main.rs"].map(|root| Path::new(directory).join(root));
    let roots = roots.iter().filter(|root| files.contains_key(*root));
    roots.map(|root| ModuleGraph::of(root, &files)).collect()
}

/// The files of a module, each with what it imports from outside of the module.
fn imports_from<'g>(graphs: &'g [ModuleGraph], module: &str) -> Vec<(&'g Path, &'g Path)> {
    let mut found = Vec::new();
    for (file, imports) in graphs.iter().flat_map(|graph| &graph.imports) {
        let outside = imports.iter().filter(|_| is_in(file, module));
        let outside = outside.filter(|import| !is_in(import, module));
        found.extend(outside.map(|import| (file.as_path(), import.as_path())));
    }
    found
}

#[test]
fn the_searches_that_the_guide_names_find_what_it_says() {
    let guide = fs::read_to_string(guests::root().join("CONTRIBUTING.md")).expect("a file");
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
    let lock = fs::read_to_string(guests::root().join("Cargo.lock")).expect("Cargo.lock");
    let (_, after) = lock
        .split_once("name = \"wasmtime\"\nversion = \"")
        .expect("wasmtime is locked");
    let (locked, _) = after.split_once('"').expect("a version");
    assert_eq!(vitals_host::plugin::WASMTIME, locked);
    let engine =
        fs::read_to_string(guests::root().join("host/sandbox/src/engine.rs")).expect("a file");
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
    let tree = cargo_tree(&["-e", "normal,features", "-i", "wasmtime"]);
    let has = |feature: &str| tree.contains(&format!("wasmtime feature \"{feature}\""));
    assert!(
        has("component-model") && has("cranelift"),
        "it lists the features: {tree}"
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

#[test]
fn the_library_without_features_needs_none_of_what_they_bring() {
    let unwanted = [
        "clap",
        "cranelift-codegen",
        "include_dir",
        "prometheus",
        "reqwest",
        "sentry-types",
        "tracing-appender",
        "tracing-subscriber",
    ];
    let packages = |features: &[&str]| -> BTreeSet<String> {
        let tree = cargo_tree(&[&["-e", "normal", "--prefix", "none"], features].concat());
        let names = tree.lines().filter_map(|line| line.split(' ').next());
        names.map(str::to_owned).collect()
    };
    let empty = packages(&["--no-default-features"]);
    assert!(empty.contains("vitals-core"), "{empty:?}");
    let found: Vec<_> = unwanted
        .iter()
        .filter(|name| empty.contains(**name))
        .collect();
    assert!(found.is_empty(), "{found:?}");
    let all = packages(&[]);
    for brought in ["cranelift-codegen", "prometheus", "reqwest", "sentry-types"] {
        assert!(all.contains(brought), "{brought} has another name: {all:?}");
    }
}

/// What `cargo tree` prints of the host's library.
fn cargo_tree(arguments: &[&str]) -> String {
    let cargo = std::process::Command::new(env!("CARGO"))
        .current_dir(guests::root())
        .args(["tree", "--offline", "--locked", "-p", "vitals-host"])
        .args(arguments)
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&cargo.stderr);
    assert!(cargo.status.success(), "{said}");
    String::from_utf8(cargo.stdout).expect("it is text")
}
