//! The code cache: what it returns, removes and refuses.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;

fn cache(dir: &Path, engine: &str, limit: u64) -> Option<CodeCache> {
    CodeCache::with_limit(dir, Fingerprint::named(engine), limit)
}

fn private() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    dir
}

fn kept(cache: &CodeCache, file: &str) -> Option<Vec<u8>> {
    let artifact = cache.load(Digest::of(file.as_bytes()));
    artifact.map(|artifact| artifact.code().to_vec())
}

fn keep(cache: &CodeCache, file: &str, code: &[u8]) {
    let artifact = Artifact::from_trusted_source(code.to_vec());
    cache.store(Digest::of(file.as_bytes()), &artifact);
}

fn path(cache: &CodeCache, file: &str) -> PathBuf {
    let name = cache.name(Digest::of(file.as_bytes()));
    cache.directory.path().join(name.to_string())
}

#[test]
fn code_is_cached_by_file_and_engine() {
    let dir = private();
    let one = cache(dir.path(), "one", 1000).unwrap();
    keep(&one, "a", b"code of a");
    assert_eq!(kept(&one, "a"), Some(b"code of a".to_vec()));
    assert_eq!(kept(&one, "b"), None);
    let again = cache(dir.path(), "one", 1000).unwrap();
    assert_eq!(kept(&again, "a"), Some(b"code of a".to_vec()));
    let two = cache(dir.path(), "two", 1000).unwrap();
    assert_eq!(kept(&two, "a"), None);
}

#[test]
fn an_entry_that_is_damaged_cut_short_or_swapped_is_removed() {
    let dir = private();
    let cache = cache(dir.path(), "one", 1000).unwrap();
    let corrupt: [&dyn Fn(&Path); 5] = [
        &|path| {
            let mut bytes = fs::read(path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path, bytes).unwrap();
        },
        &|path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
        },
        &|path| fs::write(path, "").unwrap(),
        &|path| {
            // Whole, but of another file.
            fs::copy(self::path(&cache, "b"), path).unwrap();
        },
        &|path| {
            // Whole, but of another engine.
            let other = self::cache(dir.path(), "two", 1000).unwrap();
            let entry = seal::seal(Digest::of(b"a"), &other.engine, b"code");
            fs::write(path, [&entry[..], b"code"].concat()).unwrap();
        },
    ];
    for (number, corrupt) in corrupt.iter().enumerate() {
        keep(&cache, "a", b"code of a");
        keep(&cache, "b", b"code of b");
        let path = path(&cache, "a");
        assert!(kept(&cache, "a").is_some());
        corrupt(&path);
        assert_eq!(kept(&cache, "a"), None, "{number}");
        assert!(!path.exists(), "{number}");
        assert_eq!(kept(&cache, "b"), Some(b"code of b".to_vec()), "{number}");
    }
}

#[test]
fn an_entry_that_is_not_a_private_regular_file_is_removed() {
    let dir = private();
    let cache = cache(dir.path(), "one", 1000).unwrap();
    keep(&cache, "a", b"code of a");
    let path = path(&cache, "a");
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert_eq!(kept(&cache, "a"), None, "a symbolic link");
    assert!(fs::symlink_metadata(&path).is_err());
    assert!(elsewhere.exists(), "what it led to is left alone");

    keep(&cache, "a", b"code of a");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(kept(&cache, "a"), None, "others may have written it");
    assert!(!path.exists());
}

#[test]
fn a_directory_that_others_can_enter_is_not_used() {
    let dir = private();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(cache(dir.path(), "one", 1000).is_none());
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let link = dir.path().join("link");
    let real = dir.path().join("real");
    fs::create_dir(&real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o700)).unwrap();
    symlink(&real, &link).unwrap();
    assert!(cache(&link, "one", 1000).is_none());
    assert!(cache(&link.join(""), "one", 1000).is_none(), "with a slash");
    fs::write(dir.path().join("file"), "").unwrap();
    assert!(cache(&dir.path().join("file"), "one", 1000).is_none());
}

#[test]
fn the_directory_is_checked_for_each_use() {
    let dir = private();
    let place = dir.path().join("cache");
    let cache = cache(&place, "one", 1000).unwrap();
    keep(&cache, "a", b"code of a");
    fs::set_permissions(&place, fs::Permissions::from_mode(0o770)).unwrap();
    assert_eq!(kept(&cache, "a"), None);
    keep(&cache, "b", b"code of b");
    assert!(!path(&cache, "b").exists());
    fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(kept(&cache, "a").is_some());
    fs::remove_dir_all(&place).unwrap();
    assert_eq!(kept(&cache, "a"), None);
    keep(&cache, "a", b"code of a");
    assert!(kept(&cache, "a").is_some(), "it is made anew");
}

#[test]
fn the_least_recently_used_entry_is_evicted_first() {
    let dir = private();
    // Each has 32 bytes of seal and 100 of code.
    let cache = cache(dir.path(), "one", 3 * 132).unwrap();
    let set_last_used = |file: &str, ago: u64| {
        let moment = SystemTime::now() - Duration::from_secs(ago);
        let file = fs::File::open(path(&cache, file)).unwrap();
        file.set_modified(moment).unwrap();
    };
    for (file, ago) in [("a", 30), ("b", 20), ("c", 10)] {
        keep(&cache, file, &[0; 100]);
        set_last_used(file, ago);
    }
    assert!(kept(&cache, "a").is_some(), "that is a use");
    keep(&cache, "d", &[0; 100]);
    let there = |file: &str| path(&cache, file).exists();
    assert_eq!(
        ["a", "b", "c", "d"].map(there),
        [true, false, true, true],
        "`b` was not used for longest"
    );
    keep(&cache, "huge", &[0; 1000]);
    assert_eq!(
        ["a", "c", "d", "huge"].map(there),
        [true, true, true, false]
    );
}

#[test]
fn outdated_entries_and_old_temporary_files_are_removed() {
    let dir = private();
    let old = cache(dir.path(), "old", 1000).unwrap();
    keep(&old, "a", b"code of a");
    keep(&old, "b", b"code of b");
    let at = |name: &str| dir.path().join(name);
    for name in ["notes.txt", ".new-1-1", ".new-2-2"] {
        fs::write(at(name), "").unwrap();
    }
    let long_ago = SystemTime::now() - Duration::from_hours(1);
    for name in ["notes.txt", ".new-1-1"] {
        let file = fs::File::open(at(name)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let new = cache(dir.path(), "new", 1000).unwrap();
    keep(&new, "a", b"new code of a");
    assert!(!path(&old, "a").exists(), "it is made anew");
    assert_eq!(kept(&new, "a"), Some(b"new code of a".to_vec()));
    assert!(path(&old, "b").exists(), "nobody asked for it yet");
    assert!(at("notes.txt").exists());
    assert!(!at(".new-1-1").exists(), "nobody writes for an hour");
    assert!(at(".new-2-2").exists(), "somebody may be writing it");
}
