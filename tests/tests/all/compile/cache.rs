//! Compiled code on disk, as a host meets it when it starts again.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use vitals_tests::{TestHost, guests};

use super::{entries, is_healthy};

/// Starts a host that keeps its code in `cache`, and waits until its plugin runs.
async fn start(cache: &Path) -> TestHost {
    let builder = TestHost::builder().plugin("good", guests::HELLO);
    let builder = builder.argument("plugins.cache_dir", &cache.display().to_string());
    let host = builder.start().await;
    let check = host.check("module:good").await;
    assert!(is_healthy(&check), "{check:#}");
    host
}

/// A directory for compiled code, with that of one plugin in it.
async fn filled() -> (TestHost, PathBuf, PathBuf) {
    let builder = TestHost::builder().plugin("good", guests::HELLO);
    let cache = builder.place().path().join("cache");
    let builder = builder.argument("plugins.cache_dir", &cache.display().to_string());
    let host = builder.start().await;
    assert!(is_healthy(&host.check("module:good").await));
    let entry = only_entry(&cache);
    (host, cache, entry)
}

fn only_entry(cache: &Path) -> PathBuf {
    let names = entries(cache);
    let [name] = &names[..] else {
        panic!("there is one entry: {names:?}");
    };
    cache.join(name)
}

#[tokio::test]
async fn code_is_kept_for_this_user_alone_and_taken_from_there() {
    let (_host, cache, entry) = filled().await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&cache), mode(&entry)), (0o700, 0o600));
    let written = fs::read(&entry).unwrap();
    // What can't be written anew shows that it was taken: it is still the same file.
    let number = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = number(&entry);
    let used = fs::metadata(&entry).unwrap().modified().unwrap();
    let _again = start(&cache).await;
    assert_eq!(number(&only_entry(&cache)), before);
    assert_eq!(fs::read(&entry).unwrap(), written);
    assert!(
        fs::metadata(&entry).unwrap().modified().unwrap() > used,
        "it says when it was last used"
    );
}

#[tokio::test]
async fn an_entry_that_is_not_as_it_was_written_is_made_anew() {
    let (_host, cache, entry) = filled().await;
    let whole = fs::read(&entry).unwrap();
    let flipped = {
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    for spoiled in [&flipped[..], &whole[..whole.len() / 2], b"", b"garbage"] {
        fs::write(&entry, spoiled).unwrap();
        let _host = start(&cache).await;
        assert_eq!(only_entry(&cache), entry);
        let healed = fs::read(&entry).unwrap();
        assert!(healed.len() == whole.len() && healed != spoiled);
    }
}

#[tokio::test]
async fn an_entry_of_another_file_or_version_is_made_anew() {
    let (_host, cache, entry) = filled().await;
    let whole = fs::read(&entry).unwrap();
    // What is in it was made of another file: its seal does not fit the name.
    let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
    let (digest, engine) = name.split_once('-').unwrap();
    let other = cache.join(format!("{}-{engine}", "ab".repeat(32)));
    let older = cache.join(format!("{digest}-{}", "cd".repeat(8)));
    fs::rename(&entry, &other).unwrap();
    fs::copy(&other, &older).unwrap();
    let _again = start(&cache).await;
    assert_eq!(fs::read(&entry).unwrap().len(), whole.len(), "it was made");
    assert!(!older.exists(), "that of the older version went");
    assert!(other.exists(), "nobody asked for that one");
}

#[tokio::test]
async fn a_symbolic_link_is_not_followed() {
    let (_host, cache, entry) = filled().await;
    let elsewhere = cache.parent().unwrap().join("elsewhere");
    fs::rename(&entry, &elsewhere).unwrap();
    symlink(&elsewhere, &entry).unwrap();
    let _again = start(&cache).await;
    assert!(fs::symlink_metadata(&entry).unwrap().is_file());
    assert!(elsewhere.exists());
}

#[tokio::test]
async fn a_directory_that_others_may_enter_is_not_used() {
    let (_host, cache, entry) = filled().await;
    fs::remove_file(&entry).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o755)).unwrap();
    let _again = start(&cache).await;
    assert_eq!(entries(&cache), Vec::<String>::new());
}

#[tokio::test]
async fn a_disk_that_takes_nothing_costs_a_compilation_and_nothing_else() {
    // Nothing can be made below it, not even by root.
    let _host = start(Path::new("/proc/vitals")).await;
    let _host = start(Path::new("/dev/full/vitals")).await;
}
