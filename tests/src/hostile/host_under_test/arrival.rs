//! How each case comes into its host.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{HostUnderTest, access};
use crate::guests;
use crate::hostile::case::{Body, HostileCase, Original};
use crate::hostile::frame::good_after;

impl HostUnderTest {
    /// Lets a case in. Returns the page of its check, once it is the last.
    pub(super) async fn let_in(&mut self, case: &HostileCase, faults: &mut Vec<String>) -> Value {
        let file = self.in_library(case.name);
        match &case.body {
            Body::Litter(files) => return self.litter(&files()).await,
            Body::Beside(litter) => return self.beside(case, *litter).await,
            Body::Impostor(original) => return self.impostor(case, *original).await,
            Body::Starved => return self.starved(case, faults).await,
            Body::Crowd(crowd) => {
                let _gathered = crowd.gather(self.serving.address()).await;
                self.put(&file, guests::HELLO.bytes());
                return self.result(case).await;
            }
            Body::Asks(requests) => {
                faults.extend(access::answered(self.serving.address(), &requests()).await);
                self.put(&file, guests::HELLO.bytes());
            }
            Body::Made(make) => self.put(&file, make()),
            Body::Placed(place) => place(&self.path(&file)),
            Body::Series(files) => {
                for bytes in files() {
                    self.put(&file, bytes);
                    tokio::time::sleep(REPLACED_AFTER).await;
                }
            }
            Body::Trickle => {
                let bytes = guests::HELLO.bytes();
                for piece in 1..=TRICKLES {
                    let begin = &bytes[..bytes.len() * piece / TRICKLES];
                    fs::write(self.path(&file), begin).expect("the file can be written");
                    tokio::time::sleep(REPLACED_AFTER).await;
                }
            }
        }
        self.result(case).await
    }

    /// Drops a guest in under the name of a good one in the library.
    async fn impostor(&mut self, case: &HostileCase, original: Original) -> Value {
        let (library, dropped) = (self.in_library(case.name), in_plugins(case.name));
        if original != Original::Missing {
            self.put(&library, good_after(""));
            let is_good = |page: &Value| page["status"] == "healthy";
            self.page_when(case.name, case.timeout, is_good).await;
        }
        let said = self.serving.log().len();
        self.put(&dropped, guests::HOSTILE_LOCAL.bytes());
        if original == Original::Removed {
            self.remove(&library);
        }
        let page = if original == Original::Kept {
            // The host is done with the file once it logs that, or once the check has changed.
            let words = ["is not used", &format!("plugin={}", case.name)];
            let is_unused = |line: &String| words.iter().all(|word| line.contains(word));
            let is_done = async |host: &Self| {
                let page = host.page(case.name).await;
                let log = &host.serving.log()[said..];
                if log.iter().any(is_unused) || !case.expected.faults(&page).is_empty() {
                    Ok(page)
                } else {
                    Err(page)
                }
            };
            let page = self.until(case.timeout, is_done).await;
            page.unwrap_or_else(|last| last)
        } else {
            self.result(case).await
        };
        self.remove(&dropped);
        page
    }

    /// Drops a file in that no check names while the host can open hardly anything, and waits until
    /// it is loaded once the host can.
    async fn starved(&mut self, case: &HostileCase, faults: &mut Vec<String>) -> Value {
        self.put(&self.in_library(case.name), guests::HELLO.bytes());
        let page = self.result(case).await;
        let ready = async |host: &Self| host.get("/health/ready").await.map(|it| it.status);
        if ready(self).await != Ok(200) {
            faults.push("the host is not ready before".to_owned());
        }
        let name = format!("{}-late", case.name);
        let (file, check) = (in_plugins(&name), format!("module:{name}"));
        let limit = self.serving.limit_descriptors(SPARE_DESCRIPTORS).await;
        // A guest whose code no host has kept, so that it has to be compiled.
        let moment = SystemTime::now().duration_since(UNIX_EPOCH);
        let message = format!("late {:?}", moment.unwrap_or_default());
        self.put(&file, guests::tiny(&message));
        let is_known = |page: &Value| page["checked_at"].is_string();
        let starved = self.page_when(&check, case.timeout, is_known).await;
        let (status, why) = (&starved["status"], &starved["message"]);
        if status != "unknown" || starved["error"]["code"] != "load" {
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
        let (status, why) = (&loaded["status"], &loaded["message"]);
        if !is_loaded(&loaded) {
            let fault = format!("with descriptors the file is still {status}: {why}");
            faults.push(fault);
        }
        self.remove(&file);
        page
    }

    /// Drops many files in and waits until each is refused. Returns the last of their checks.
    async fn litter(&mut self, files: &[(String, Vec<u8>)]) -> Value {
        for (name, bytes) in files {
            self.put(&in_plugins(name), bytes);
        }
        // No check names the files, so that each has one of its own. The host chooses the name if
        // the file has none that a plugin can have.
        let is_refused = |check: &&Value| {
            let name = check["name"].as_str().unwrap_or_default();
            name.starts_with("module:") && check["error"]["code"] == "load"
        };
        let refused = async |host: &Self| {
            let health = host.json("/health").await;
            let checks = health["checks"].as_array().into_iter().flatten();
            let refused: Vec<_> = checks.filter(is_refused).collect();
            match refused.last() {
                Some(last) if refused.len() >= files.len() => Ok((*last).clone()),
                _ => Err(Value::Null),
            }
        };
        let page = self.until(MANY_FILES, refused).await;
        for (name, _) in files {
            self.remove(&in_plugins(name));
        }
        page.unwrap_or_default()
    }

    /// Makes something in the plugins directory, lets a good guest in, and waits until everything
    /// there is known. Returns the page of the guest's check, or null if something never is.
    async fn beside(&mut self, case: &HostileCase, litter: fn(&Path)) -> Value {
        let dir = self.serving.place().plugins();
        let before = entries(&dir);
        let there = dir.clone();
        let littering = tokio::task::spawn_blocking(move || litter(&there));
        littering.await.expect("the directory takes it");
        self.put(&self.in_library(case.name), guests::HELLO.bytes());
        let page = self.result(case).await;
        let is_known = async |host: &Self| {
            let plugins = host.plugins().await;
            let is_loading = |plugin: &Value| plugin["state"] == "loading";
            match plugins.as_array() {
                Some(all) if !all.is_empty() && !all.iter().any(is_loading) => Ok(()),
                _ => Err(()),
            }
        };
        let is_known = self.until(MANY_FILES, is_known).await.is_ok();
        for path in entries(&dir).difference(&before) {
            self.remove(path.to_str().expect("it is text"));
        }
        if is_known { page } else { Value::Null }
    }
}

/// The path of a file in the plugins directory, in the host's directory.
fn in_plugins(name: &str) -> String {
    format!("plugins/{name}.wasm")
}

fn entries(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(dir).expect("it is there");
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

/// How long a file of a series stays.
const REPLACED_AFTER: Duration = Duration::from_millis(10);
/// The number of pieces in which a file is written slowly.
const TRICKLES: usize = 20;
/// How long the host may take for many files.
const MANY_FILES: Duration = Duration::from_secs(20);
/// The descriptors that a starved host has left: enough to be asked and to list a directory, too
/// few to start a compiler.
const SPARE_DESCRIPTORS: usize = 4;
