use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::plugin_file::placeholder_name;
use super::*;
use crate::catalog::Stamp;
use vitals_model::PluginName;

fn keep() -> Keep {
    Keep {
        named: BTreeSet::from(["a", "c", "d"].map(plugin)),
        known: BTreeSet::new(),
        auto: true,
    }
}

fn plugin(name: &str) -> PluginName {
    name.parse().unwrap()
}

#[test]
fn links_are_followed_through_every_directory() {
    let place = tempfile::tempdir().unwrap();
    let at = |path: &str| place.path().join(path);
    for dir in ["plugins", "library", "current", "v1"] {
        fs::create_dir(at(dir)).unwrap();
    }
    fs::write(at("v1/a.wasm"), "").unwrap();
    symlink(at("v1/a.wasm"), at("current/a.wasm")).unwrap();
    symlink("../current/a.wasm", at("plugins/a.wasm")).unwrap();
    symlink(at("nowhere/b.wasm"), at("plugins/b.wasm")).unwrap();
    symlink("round.wasm", at("plugins/round.wasm")).unwrap();
    symlink(at("library"), at("plugins/no-plugin")).unwrap();
    symlink(at("v1/a.wasm"), at("library/c.wasm")).unwrap();
    let plugins = directories(at("plugins"), at("library"));
    let seen = Files::scan(&plugins, &keep());
    let leads = ["plugins/../current", "v1", "nowhere", "plugins"].map(at);
    assert_eq!(link_directories(&seen.links()), BTreeSet::from(leads));

    // Files that can't be seen keep their previous state.
    for gone in ["plugins", "library"] {
        fs::rename(at(gone), at("away")).unwrap();
        fs::write(at(gone), "").unwrap();
        let after = Files::scan(&plugins, &keep()).with_earlier(&seen);
        assert_eq!(after.links(), seen.links());
        fs::remove_file(at(gone)).unwrap();
        fs::rename(at("away"), at(gone)).unwrap();
    }
    fs::remove_file(at("library/c.wasm")).unwrap();
    fs::remove_file(at("plugins/a.wasm")).unwrap();
    let leads = ["nowhere", "plugins"].map(at);
    let after = Files::scan(&plugins, &keep()).with_earlier(&seen);
    assert_eq!(link_directories(&after.links()), BTreeSet::from(leads));
}

#[test]
fn a_directory_being_replaced_is_never_listed_incompletely() {
    const FILES: usize = 40;
    let place = tempfile::tempdir().unwrap();
    let at = |path: &str| place.path().join(path);
    let fill = |dir: &Path| {
        fs::create_dir(dir).unwrap();
        for number in 0..FILES {
            fs::write(dir.join(format!("plugin-{number}.wasm")), "").unwrap();
        }
    };
    fill(&at("plugins"));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                fill(&at("new"));
                fs::rename(at("plugins"), at("old")).unwrap();
                fs::rename(at("new"), at("plugins")).unwrap();
                fs::remove_dir_all(at("old")).unwrap();
            }
        });
        for _ in 0..2_000 {
            // The directory is missing for a moment, which is an error.
            if let Ok(listing) = list(&at("plugins"), &keep()) {
                let found = listing.files.len();
                if found < FILES {
                    is_over.store(true, Ordering::Relaxed);
                    panic!("{found} files of {FILES}");
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn an_invalid_file_gets_a_similar_placeholder_name() {
    for (stem, name) in [
        ("My Check", "module:my-check"),
        ("-x", "module:x"),
        ("ä", "module:x-"),
    ] {
        assert_eq!(placeholder_name(stem, "").as_str(), name);
    }
    placeholder_name(&"Ä".repeat(100), "");
    placeholder_name(&"a".repeat(100), "-12");
}

#[test]
fn a_placeholder_avoids_names_that_are_taken() {
    let file = InvalidPluginFile {
        path: "My Check.wasm".into(),
        stem: "My Check".into(),
        message: String::new(),
    };
    let taken = ["module:my-check", "module:my-check-2"];
    let name = file.placeholder_check(|name| taken.contains(&name.as_str()));
    assert_eq!(name.as_str(), "module:my-check-3");
}

#[test]
fn a_library_that_cannot_be_read_keeps_what_was_in_it() {
    let (dir, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let library = place.path().join("library");
    fs::create_dir(&library).unwrap();
    fs::write(library.join("a.wasm"), "").unwrap();
    let plugins = directories(dir.path(), &library);
    let name = "a".parse::<PluginName>().unwrap();
    let before = Files::scan(&plugins, &keep());
    let path = before.in_library[&name].path.clone();
    assert!(before.can_read(&path) && before.library_error.is_none());

    // Missing permissions would not stop a test that runs as root.
    fs::remove_dir_all(&library).unwrap();
    fs::write(&library, "").unwrap();
    let during = Files::scan(&plugins, &keep()).with_earlier(&before);
    let error = during.library_error.as_ref().unwrap().to_string();
    assert!(error.contains("`plugins.library`"), "{error}");
    assert_eq!(during.in_library[&name].path, path);
    assert!(!during.can_read(&path));

    fs::remove_file(&library).unwrap();
    let after = Files::scan(&plugins, &keep()).with_earlier(&during);
    assert!(after.library_error.is_none() && !after.in_library.contains_key(&name));
}

#[test]
fn a_briefly_missing_file_is_kept_and_not_read() {
    let place = tempfile::tempdir().unwrap();
    let plugins = directories(place.path().join("plugins"), place.path().join("library"));
    let mut paths = Vec::new();
    for dir in [&plugins.dir, &plugins.library] {
        fs::create_dir(dir).unwrap();
        for name in ["moved", "gone"] {
            let name = format!("{name}-{}.wasm", paths.len());
            fs::write(dir.join(&name), "").unwrap();
            paths.push(dir.join(name));
        }
    }
    let keep = Keep {
        named: ["moved-2", "gone-3"].map(plugin).into(),
        ..keep()
    };
    let before = Files::scan(&plugins, &keep);
    for path in &paths {
        assert!(before.can_read(path));
        fs::remove_file(path).unwrap();
    }
    let may_return = |path: &Path| path.to_string_lossy().contains("moved");
    let during = Files::scan(&plugins, &keep).with_missing(&before, may_return);
    for path in &paths {
        let name = plugin(path.file_stem().unwrap().to_str().unwrap());
        let file = during.in_dir.get(&name).or(during.in_library.get(&name));
        assert_eq!(file.is_some(), may_return(path));
        assert_eq!(during.can_read(path), !may_return(path));
    }
    fs::write(&paths[0], "").unwrap();
    let after = Files::scan(&plugins, &keep).with_missing(&during, |_| false);
    assert!(after.can_read(&paths[0]) && after.in_dir.len() == 1);
    assert!(after.in_library.is_empty());
}

/// Returns the settings for these two directories.
fn directories(dir: impl Into<PathBuf>, library: impl Into<PathBuf>) -> Plugins {
    let mut plugins = Plugins::default();
    plugins.dir = dir.into();
    plugins.library = library.into();
    plugins
}

/// Creates directories with these files and scans them.
fn seen(files: &[(&str, &str)], keep: &Keep) -> (tempfile::TempDir, Files) {
    let place = tempfile::tempdir().unwrap();
    let plugins = directories(place.path().join("plugins"), place.path().join("library"));
    for dir in [&plugins.dir, &plugins.library] {
        fs::create_dir(dir).unwrap();
    }
    for (dir, name) in files {
        fs::write(place.path().join(dir).join(name), "").unwrap();
    }
    let files = Files::scan(&plugins, keep);
    (place, files)
}

#[test]
fn only_plugins_are_listed_and_only_named_ones_in_the_library() {
    let (place, files) = seen(
        &[
            ("plugins", "a.wasm"),
            ("plugins", "b.txt"),
            ("plugins", ".c.wasm"),
            ("plugins", "Bad Name.wasm"),
            ("library", "a.wasm"),
            ("library", "d.wasm"),
            ("library", "e.wasm"),
            ("library", "Bad Name.wasm"),
        ],
        &keep(),
    );
    let path = |file: Option<&PluginFile>| file.map(|file| file.path.clone());
    let at = |path: &str| Some(place.path().join(path));
    assert_eq!(path(files.in_dir.get(&plugin("a"))), at("plugins/a.wasm"));
    assert_eq!(
        path(files.in_library.get(&plugin("a"))),
        at("library/a.wasm")
    );
    assert_eq!(
        path(files.in_library.get(&plugin("d"))),
        at("library/d.wasm")
    );
    assert_eq!(path(files.in_library.get(&plugin("e"))), None);
    assert_eq!(files.in_dir.len(), 1);
    assert_eq!(files.invalid.len(), 1);
    assert_eq!(files.invalid[0].stem, "Bad Name");
    assert!(files.error.is_none() && files.excess().is_none());
}

#[test]
fn too_many_files_displace_no_named_or_known_one() {
    let litter: Vec<_> = (0..2 * MAX_FILES)
        .map(|number| format!("aa-{number:05}.wasm"))
        .collect();
    let bad: Vec<_> = (0..2 * MAX_INVALID_FILES)
        .map(|number| format!("A {number:05}.wasm"))
        .collect();
    let files: Vec<_> = litter.iter().chain(&bad).map(String::as_str).collect();
    let files = files
        .into_iter()
        .chain(["d.wasm", "known.wasm", "late.wasm"]);
    let files: Vec<_> = files.map(|file| ("plugins", file)).collect();
    let keep = Keep {
        known: [plugin("known"), plugin("gone")].into(),
        ..keep()
    };
    let (_place, files) = seen(&files, &keep);
    for name in ["d", "known", "aa-00000"] {
        assert!(files.in_dir.contains_key(&plugin(name)), "{name}");
    }
    assert!(!files.in_dir.contains_key(&plugin("late")));
    assert_eq!(files.in_dir.len(), MAX_FILES + 1, "and one that is named");
    assert_eq!(files.invalid.len(), MAX_INVALID_FILES);
    let excess = files.excess().unwrap();
    assert_eq!(excess.left_out, MAX_FILES + 2 + MAX_INVALID_FILES);
    assert!(
        excess
            .to_string()
            .contains("1090 files in the plugins directory"),
        "{excess}"
    );

    // Without `auto`, only named plugins are listed.
    let keep = Keep {
        auto: false,
        ..keep
    };
    let (_place, files) = seen(&[("plugins", "d.wasm"), ("plugins", "x.wasm")], &keep);
    assert_eq!(files.in_dir.len(), 1);
}

#[test]
fn one_directory_for_both_counts_as_the_library() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("a.wasm"), "").unwrap();
    fs::write(place.path().join("x.wasm"), "").unwrap();
    symlink(place.path(), place.path().join("link")).unwrap();
    let plugins = directories(place.path(), place.path().join("link"));
    let files = Files::scan(&plugins, &keep());
    assert!(files.is_one_directory);
    assert!(
        files.in_library.contains_key(&plugin("a")) && !files.in_library.contains_key(&plugin("x"))
    );
    assert!(files.in_dir.contains_key(&plugin("x")));
}

#[test]
fn a_link_has_no_stamp_because_its_target_may_hang() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    fs::write(place.path().join("a.wasm"), "").unwrap();
    symlink("file", place.path().join("d.wasm")).unwrap();
    let mut plugins = Plugins::default();
    plugins.dir = place.path().into();
    let files = Files::scan(&plugins, &keep());
    let stamp = |name: &str| files.in_dir[&plugin(name)].stamp;
    assert_eq!(stamp("a"), Stamp::of(&place.path().join("a.wasm")).ok());
    assert_eq!(stamp("d"), None);
}

#[test]
fn a_missing_directory_is_an_error_that_says_what_to_do() {
    let mut plugins = Plugins::default();
    plugins.dir = "/nowhere/plugins".into();
    let error = Files::scan(&plugins, &keep()).error.unwrap().to_string();
    assert!(
        error.contains("/nowhere/plugins") && error.contains("VITALS_PLUGINS_DIR"),
        "{error}"
    );
}
