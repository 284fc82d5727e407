//! The moments at which nothing is touched: then the host must come to show just what is on disk.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;
use vitals_host::check::Digest;

use super::Part;
use super::ground::Ground;
use super::judge::{Judge, Memory, Page};
use super::model::Model;
use crate::serving::Serving;

/// What must be so when all is quiet.
pub(super) struct Quiet<'a> {
    pub(super) ground: &'a Ground,
    /// What is on disk and in the configuration, and nothing else.
    pub(super) exact: &'a Model,
    /// The interval of each check that the configuration may have changed, in milliseconds.
    pub(super) intervals: &'a BTreeMap<String, u32>,
    pub(super) without: &'a [Part],
}

impl Quiet<'_> {
    /// Waits until the host shows it; answers the generation of each plugin.
    ///
    /// # Errors
    ///
    /// It does not within [`PATIENCE`]: what was seen last.
    pub(super) async fn comes(&self, serving: &Serving) -> Result<BTreeMap<String, u64>, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.is_there(serving).await {
                Ok(generations) => return Ok(generations),
                Err(last) if Instant::now() > until => {
                    let time = PATIENCE.as_secs();
                    return Err(format!(
                        "{time} s after the last change the host still is not what is on disk: {last}"
                    ));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn is_there(&self, serving: &Serving) -> Result<BTreeMap<String, u64>, String> {
        let plugins = self.page(serving, &Page::Plugins).await?;
        let mut generations = BTreeMap::new();
        for plugin in plugins["plugins"].as_array().into_iter().flatten() {
            let name = plugin["name"].as_str().unwrap_or_default();
            self.is_on_disk(name, plugin)?;
            let generation = plugin["generation"].as_u64().unwrap_or_default();
            generations.insert(name.to_owned(), generation);
        }
        self.page(serving, &Page::Health).await?;
        self.page(serving, &Page::Ready).await?;
        for name in self.exact.checks.keys() {
            let page = self.page(serving, &Page::Check(name.clone())).await?;
            if let Some(interval) = self.intervals.get(name)
                && page["interval_ms"] != *interval
            {
                let seen = &page["interval_ms"];
                return Err(format!("{name} runs every {seen} ms and not {interval}"));
            }
        }
        Ok(generations)
    }

    /// The digest that is shown is that of the file.
    fn is_on_disk(&self, name: &str, plugin: &Value) -> Result<(), String> {
        let mut path = self.ground.plugin(name);
        if !path.exists() {
            path = self.ground.beside(&format!("library/{name}.wasm"));
        }
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let digest = Digest::of(&bytes).to_string();
        if plugin["digest"] == digest {
            Ok(())
        } else {
            Err(format!("the file of {name} has digest {digest}: {plugin}"))
        }
    }

    async fn page(&self, serving: &Serving, page: &Page) -> Result<Value, String> {
        let answer = serving.get(&page.path()).await?;
        let judge = Judge {
            model: self.exact,
            foundry: &self.ground.foundry,
            is_faint: false,
            without: self.without,
        };
        let faults = judge.faults(page, &answer, &mut Memory::default());
        if faults.is_empty() {
            Ok(serde_json::from_str(answer.text()).unwrap_or_default())
        } else {
            Err(format!("{}: {}", page.path(), faults.join("; ")))
        }
    }
}

/// How long the host may take to come to rest, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(50);
