//! The pages for contributors name source files that exist.

use std::fs;
use std::path::Path;

use vitals_tests::guests;

use super::markdown::{Part, ticked};

#[test]
fn the_pages_for_contributors_name_files_that_exist() {
    let mut sources = Vec::new();
    for directory in ["host", "tests", "xtask", "bench"] {
        collect(&guests::root().join(directory), &mut sources);
    }
    let sources: Vec<_> = sources.iter().map(|path| without_src(path)).collect();
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"] {
        let text = Part::of(page);
        let is_file = |name: &&str| is_source(Path::new(name)) && !name.contains('<');
        let named: Vec<_> = ticked(text.text()).into_iter().filter(is_file).collect();
        assert!(named.len() > 20, "{page} names {} files", named.len());
        for name in named {
            let name = format!("/{}", without_src(name));
            let exists = sources.iter().any(|source| source.ends_with(&name));
            assert!(exists, "{page} names {name}, which does not exist");
        }
    }
}

/// The paths of all Rust sources below a directory.
fn collect(directory: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, sources);
        } else if is_source(&path) {
            sources.push(path.display().to_string());
        }
    }
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// A path as these pages write it: `sandbox/run.rs` stands for `sandbox/src/run.rs`.
fn without_src(path: &str) -> String {
    path.replace("/src/", "/")
}
