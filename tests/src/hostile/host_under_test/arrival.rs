//! How each case comes into its host.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{HostUnderTest, PAUSE, access};
use crate::guests::{self, Guest};
use crate::hostile::case::{Body, HostileCase, Original};
use crate::hostile::load::good_with;

impl HostUnderTest {
    /// Lets a case in; the page of its check, once it is what it stays.
    pub(super) async fn let_in(&mut self, case: &HostileCase, faults: &mut Vec<String>) -> Value {
        let path = self.path(case.name());
        match &case.body {
            Body::Litter(files) => return self.litter(&files()).await,
            Body::Beside(litter, guest) => return self.beside(case, *litter, *guest).await,
            Body::Impostor(guest, original) => {
                return self.impostor(case, *guest, *original).await;
            }
            Body::Starved => return self.starved(case, faults).await,
            Body::Crowd(crowd) => {
                let _gathered = crowd.gather(self.serving.address()).await;
                put(&path, &guests::HELLO.bytes());
                return self.result(case).await;
            }
            Body::Asks(requests) => {
                faults.extend(access::answered(self.serving.address(), &requests()).await);
                put(&path, &guests::HELLO.bytes());
            }
            Body::Built(guest) => put(&path, &guest.bytes()),
            Body::Made(make) => put(&path, &make()),
            Body::Placed(place) => place(&path),
            Body::Series(files) => {
                for bytes in files() {
                    put(&path, &bytes);
                    tokio::time::sleep(REPLACED_AFTER).await;
                }
            }
            Body::Trickle(guest) => {
                let bytes = guest.bytes();
                let mut written = Vec::new();
                for piece in bytes.chunks(bytes.len() / TRICKLES + 1) {
                    written.extend_from_slice(piece);
                    fs::write(&path, &written).expect("the file can be written");
                    tokio::time::sleep(REPLACED_AFTER).await;
                }
            }
        }
        self.result(case).await
    }

    /// Drops a guest in under the name of a good one in the library.
    async fn impostor(&mut self, case: &HostileCase, guest: Guest, original: Original) -> Value {
        let name = case.name();
        let (library, dropped) = (self.path(name), self.dropped(name));
        if original != Original::Missing {
            put(&library, &good_with(""));
            let is_good = |page: &Value| page["status"] == "healthy";
            self.page_when(name, case.timeout, is_good).await;
        }
        let said = self.serving.log().len();
        put(&dropped, &guest.bytes());
        if original == Original::Removed {
            remove(&library);
        }
        let page = if original == Original::Kept {
            // The host is done with the file once it says so, or once the check is not what it was.
            let words = ["is not used", &format!("plugin={name}")];
            let is_unused = |line: &String| words.iter().all(|word| line.contains(word));
            let until = Instant::now() + self.patience.longest(case.timeout);
            while !self.serving.log()[said..].iter().any(is_unused)
                && case.expected.faults(&self.page(name).await).is_empty()
                && Instant::now() < until
            {
                tokio::time::sleep(PAUSE).await;
            }
            self.page(name).await
        } else {
            self.result(case).await
        };
        remove(&dropped);
        page
    }

    /// Drops a file in that nobody names while the host can open hardly anything, and waits until it is
    /// loaded once the host can.
    async fn starved(&mut self, case: &HostileCase, faults: &mut Vec<String>) -> Value {
        put(&self.path(case.name()), &guests::HELLO.bytes());
        let page = self.result(case).await;
        let ready = async |host: &Self| host.get("/health/ready").await.map(|it| it.status);
        if ready(self).await != Ok(200) {
            faults.push("the host is not ready before".to_owned());
        }
        let name = format!("{}-late", case.name());
        let (path, check) = (self.dropped(&name), format!("module:{name}"));
        let limit = self.serving.limit_descriptors(SPARE_DESCRIPTORS).await;
        // A guest whose code no host has kept, so that it has to be compiled.
        let moment = SystemTime::now().duration_since(UNIX_EPOCH);
        let message = format!("late {:?}", moment.unwrap_or_default());
        put(&path, &guests::tiny(&message));
        let is_known = |page: &Value| page["checked_at"].is_string();
        let starved = self.page_when(&check, case.timeout, is_known).await;
        if (&starved["status"], &starved["error"]["code"]) != (&"unknown".into(), &"load".into()) {
            let (status, why) = (&starved["status"], &starved["message"]);
            faults.push(format!("without descriptors a file is {status}: {why}"));
        }
        let status = ready(self).await;
        if status != Ok(200) {
            faults.push(format!("without descriptors `/health/ready` is {status:?}"));
        }
        drop(limit);
        // It tries again by itself too, half a minute later.
        self.serving.hang_up();
        let is_loaded = |page: &Value| page["message"] == message.as_str();
        let loaded = self.page_when(&check, case.timeout, is_loaded).await;
        if !is_loaded(&loaded) {
            let (status, why) = (&loaded["status"], &loaded["message"]);
            faults.push(format!(
                "with descriptors the file is still {status}: {why}"
            ));
        }
        remove(&path);
        page
    }

    /// Drops many files in and waits until each is refused; the page of a check that sums it up.
    async fn litter(&mut self, files: &[(String, Vec<u8>)]) -> Value {
        for (name, bytes) in files {
            put(&self.dropped(name), bytes);
        }
        let until = Instant::now() + self.patience.longest(Duration::from_secs(20));
        let mut page = Value::Null;
        while Instant::now() < until && self.serving.is_running() {
            let health = self.get("/health").await;
            let health = health.map(|answer| answer.json()).unwrap_or_default();
            let checks = health["checks"].as_array().cloned().unwrap_or_default();
            // No check names them, so that each is one by itself. (What it is called there where no
            // plugin can have its name is the host's to say.)
            let mut refused = checks.iter().filter(|check| {
                let name = check["name"].as_str().unwrap_or_default();
                name.starts_with("module:") && check["error"]["code"] == "load"
            });
            if refused.clone().count() >= files.len() {
                page = refused.next_back().cloned().unwrap_or_default();
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        for (name, _) in files {
            remove(&self.dropped(name));
        }
        page
    }

    /// Makes something in the plugins directory, lets a good guest in after it, and waits until everything
    /// that is there is known; the page of the guest's check, and null where something never is.
    async fn beside(&mut self, case: &HostileCase, litter: fn(&Path), guest: Guest) -> Value {
        let dir = self.serving.place().plugins();
        let before = entries(&dir);
        let there = dir.clone();
        let littering = tokio::task::spawn_blocking(move || litter(&there));
        littering.await.expect("the directory takes it");
        put(&self.path(case.name()), &guest.bytes());
        let page = self.result(case).await;
        let until = Instant::now() + self.patience.longest(Duration::from_secs(20));
        let mut is_known = false;
        while !is_known && Instant::now() < until && self.serving.is_running() {
            let plugins = self.get("/plugins").await;
            let plugins = plugins.map(|answer| answer.json()["plugins"].clone());
            let plugins = plugins.unwrap_or_default();
            let plugins = plugins.as_array().cloned().unwrap_or_default();
            let is_loading = |plugin: &Value| plugin["state"] == "loading";
            is_known = !plugins.is_empty() && !plugins.iter().any(is_loading);
            tokio::time::sleep(PAUSE).await;
        }
        for path in entries(&dir).difference(&before) {
            remove(path);
        }
        if is_known { page } else { Value::Null }
    }
}

fn entries(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(dir).expect("it is there");
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

pub(super) fn put(path: &Path, bytes: &[u8]) {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, bytes)
        .and_then(|()| fs::rename(&unfinished, path))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

/// Whatever lies there goes: a file, a link, a directory, a pipe.
pub(super) fn remove(path: &Path) {
    if fs::remove_file(path).is_err() {
        // It may have been nothing but an idea.
        let _ = fs::remove_dir_all(path);
    }
}

/// How long a file of a series stands.
const REPLACED_AFTER: Duration = Duration::from_millis(10);
/// In how many pieces a file comes that comes slowly.
const TRICKLES: usize = 20;
/// Descriptors that a starved host has left: enough to be asked and to list a directory, too few to start a
/// compiler.
const SPARE_DESCRIPTORS: usize = 4;
