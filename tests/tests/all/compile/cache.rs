//! The code cache as a host uses it. What becomes of each entry is tested beside `sandbox/cache.rs`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use vitals_servers::eventually;
use vitals_tests::{TestHost, guests};

use super::is_healthy;

/// Starts a host with this code cache, and waits until its plugin runs.
async fn start(cache: &Path) -> TestHost {
    let builder = TestHost::builder().plugin("good", guests::HELLO);
    let builder = builder.argument("plugins.cache_dir", &cache.display().to_string());
    let host = builder.start().await;
    let check = host.check("module:good").await;
    assert!(is_healthy(&check), "{check:#}");
    host
}

/// The only entry, once it is written: a host writes it while its plugin already runs.
async fn only_entry(cache: &Path) -> PathBuf {
    eventually("the code is in the cache", async || {
        let entries = fs::read_dir(cache).map_err(|error| error.to_string())?;
        let paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        match &paths[..] {
            // While it is written, the name begins with a dot.
            [path] if !path.display().to_string().contains("/.new-") => Ok(path.clone()),
            _ => Err(format!("{paths:?}")),
        }
    })
    .await
}

#[tokio::test]
async fn code_is_cached_for_this_user_alone_and_a_damaged_entry_is_replaced() {
    let directory = tempfile::tempdir().expect("a directory");
    let cache = directory.path().join("cache");
    let _host = start(&cache).await;
    let entry = only_entry(&cache).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&cache), mode(&entry)), (0o700, 0o600));
    let written = fs::read(&entry).unwrap();

    // A file that is still the same one was not written again.
    let before = fs::metadata(&entry).unwrap();
    let _again = start(&cache).await;
    let after = fs::metadata(only_entry(&cache).await).unwrap();
    assert_eq!(after.ino(), before.ino());
    assert_eq!(fs::read(&entry).unwrap(), written);
    let (after, before) = (after.modified().unwrap(), before.modified().unwrap());
    assert!(after > before, "it says when it was last used");

    let mut damaged = written.clone();
    damaged[written.len() / 2] ^= 1;
    fs::write(&entry, &damaged).unwrap();
    let _again = start(&cache).await;
    eventually("the entry is replaced", async || {
        let replaced = fs::read(&entry).map_err(|error| error.to_string())?;
        let is_whole = replaced.len() == written.len() && replaced != damaged;
        is_whole
            .then_some(())
            .ok_or_else(|| "it is damaged".to_owned())
    })
    .await;
    assert_eq!(only_entry(&cache).await, entry);
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_costs_only_a_compilation() {
    // Nobody can create anything below these, not even root.
    let _host = start(Path::new("/proc/vitals")).await;
    let _host = start(Path::new("/dev/full/vitals")).await;
}
