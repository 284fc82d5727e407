//! Links: to files, to directories, and the way in which Kubernetes swaps the files of a volume.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use vitals_tests::{Place, TestHost, guests};

use super::{by_events_alone, shows};

/// Makes or replaces a link atomically.
fn relink(target: impl AsRef<Path>, link: &Path) {
    let new = link.with_extension("new");
    symlink(target, &new).expect("the place can be written");
    fs::rename(new, link).expect("the place can be written");
}

/// Makes directories beside the plugins directory, each with an `a.wasm` whose message is the name of
/// the directory.
fn with_versions(place: &Place, names: &[&str]) {
    for name in names {
        fs::create_dir(place.path().join(name)).expect("the place can be written");
        place.write(&format!("{name}/a.wasm"), guests::tiny(name));
    }
}

/// A host whose `a.wasm` is a link.
async fn linked_to(target: &str, prepare: impl FnOnce(&Place)) -> TestHost {
    let builder = by_events_alone();
    prepare(builder.place());
    symlink(target, builder.place().plugins().join("a.wasm")).expect("the place can be written");
    builder.start().await
}

#[tokio::test]
async fn a_link_with_another_target_is_another_file() {
    let prepare = |place: &Place| with_versions(place, &["one", "two"]);
    let host = linked_to("../one/a.wasm", prepare).await;
    shows(&host, &[("module:a", "one")]).await;
    let link = host.place().plugins().join("a.wasm");
    for version in ["two", "one", "two"] {
        relink(format!("../{version}/a.wasm"), &link);
        shows(&host, &[("module:a", version)]).await;
    }
    // The old target is ignored, and the new one is watched.
    host.place().write("one/a.wasm", guests::tiny("other"));
    host.place().write("two/a.wasm", guests::tiny("three"));
    shows(&host, &[("module:a", "three")]).await;
}

#[tokio::test]
async fn the_target_of_a_link_is_watched() {
    let prepare = |place: &Place| with_versions(place, &["elsewhere"]);
    let host = linked_to("../elsewhere/a.wasm", prepare).await;
    shows(&host, &[("module:a", "elsewhere")]).await;
    let target = host.place().path().join("elsewhere/a.wasm");
    // In place, so that nothing happens in the plugins directory.
    fs::write(&target, guests::tiny("one")).unwrap();
    shows(&host, &[("module:a", "one")]).await;
    host.place().write("elsewhere/a.wasm", guests::tiny("two"));
    shows(&host, &[("module:a", "two")]).await;
}

#[tokio::test]
async fn every_link_of_a_chain_is_watched() {
    let prepare = |place: &Place| {
        with_versions(place, &["v1", "v2"]);
        symlink("v1", place.path().join("current")).unwrap();
        fs::create_dir(place.path().join("between")).unwrap();
        symlink("../current/a.wasm", place.path().join("between/a.wasm")).unwrap();
    };
    let host = linked_to("../between/a.wasm", prepare).await;
    shows(&host, &[("module:a", "v1")]).await;
    relink("v2", &host.place().path().join("current"));
    shows(&host, &[("module:a", "v2")]).await;
    relink("../v1/a.wasm", &host.place().path().join("between/a.wasm"));
    shows(&host, &[("module:a", "v1")]).await;
    let target = host.place().path().join("v1/a.wasm");
    fs::write(target, guests::tiny("v1 again")).unwrap();
    shows(&host, &[("module:a", "v1 again")]).await;
}

#[tokio::test]
async fn a_link_loads_once_its_target_exists() {
    let host = linked_to("../later/a.wasm", |_| {}).await;
    let failed = |health: &serde_json::Value| health["checks"][0]["error"]["code"] == "load";
    host.eventually("it fails", failed).await;
    fs::create_dir(host.place().path().join("later")).unwrap();
    host.place().write("later/a.wasm", guests::tiny("later"));
    host.eventually("it runs", |health| {
        health["checks"][0]["message"] == "later"
    })
    .await;
}

#[tokio::test]
async fn the_swap_of_a_kubernetes_volume_is_one_change() {
    let builder = by_events_alone();
    let volume = builder.place().plugins();
    write_volume(&volume, "..2026_1", &[("a", "a1"), ("b", "b1")]);
    for name in ["a.wasm", "b.wasm"] {
        symlink(Path::new("..data").join(name), volume.join(name)).unwrap();
    }
    let host = builder.start().await;
    shows(&host, &[("module:a", "a1"), ("module:b", "b1")]).await;

    write_volume(&volume, "..2026_2", &[("a", "a2"), ("b", "b2")]);
    fs::remove_dir_all(volume.join("..2026_1")).unwrap();
    shows(&host, &[("module:a", "a2"), ("module:b", "b2")]).await;

    // One file is added and one removed: links of new files are made after the swap, and links of old
    // files are removed before the directory.
    write_volume(&volume, "..2026_3", &[("a", "a3"), ("c", "c3")]);
    symlink("..data/c.wasm", volume.join("c.wasm")).unwrap();
    fs::remove_file(volume.join("b.wasm")).unwrap();
    fs::remove_dir_all(volume.join("..2026_2")).unwrap();
    shows(&host, &[("module:a", "a3"), ("module:c", "c3")]).await;
    let generation = &host.plugin("a").await["generation"];
    assert_eq!(generation, 3, "it never vanished");
}

/// Writes a version of the volume's files beside the previous one, and lets `..data` lead to it.
fn write_volume(volume: &Path, version: &str, files: &[(&str, &str)]) {
    fs::create_dir(volume.join(version)).expect("the place can be written");
    for (name, message) in files {
        let path = volume.join(version).join(name).with_extension("wasm");
        fs::write(path, guests::tiny(message)).expect("the place can be written");
    }
    symlink(version, volume.join("..data_tmp")).expect("the place can be written");
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).expect("the place can be written");
}

#[tokio::test]
async fn the_target_of_a_plugins_directory_that_is_a_link_is_watched() {
    let builder = by_events_alone();
    with_versions(builder.place(), &["one", "two"]);
    let plugins = builder.place().plugins();
    fs::remove_dir(&plugins).unwrap();
    symlink("one", &plugins).unwrap();
    let host = builder.start().await;
    shows(&host, &[("module:a", "one")]).await;
    for version in ["two", "one"] {
        relink(version, &plugins);
        shows(&host, &[("module:a", version)]).await;
        let new = format!("{version} again");
        host.drop_in("a", guests::tiny(&new));
        shows(&host, &[("module:a", &new)]).await;
        host.drop_in("a", guests::tiny(version));
        shows(&host, &[("module:a", version)]).await;
    }
}
