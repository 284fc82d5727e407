//! Waits until the host shows what is on disk, while nothing changes.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::Value;
use vitals_host::check::Digest;
use vitals_servers::within;

use super::judge::{Page, SeenVersions};
use super::model::Model;
use super::state::CampaignState;
use crate::serving::Serving;

/// The state to which the host must converge.
pub(super) struct Convergence<'a> {
    pub(super) state: &'a CampaignState,
    /// What is on disk and in the configuration, and nothing else.
    pub(super) exact: &'a Model,
    /// The interval of each check that the configuration may have changed, in milliseconds.
    pub(super) intervals: BTreeMap<String, u32>,
}

impl Convergence<'_> {
    /// Returns the generation of each plugin.
    pub(super) async fn reached(self, serving: &Serving) -> Result<BTreeMap<String, u64>, String> {
        let what = "the host shows what is on disk";
        within(DEADLINE, what, async || self.generations(serving).await).await
    }

    async fn generations(&self, serving: &Serving) -> Result<BTreeMap<String, u64>, String> {
        let plugins = self.page(serving, &Page::Plugins).await?;
        self.page(serving, &Page::Health).await?;
        self.page(serving, &Page::Ready).await?;
        for name in self.exact.checks.keys() {
            let page = self.page(serving, &Page::Check(name.clone())).await?;
            let (interval, shown) = (self.intervals.get(name), &page["interval_ms"]);
            if interval.is_some_and(|interval| shown != interval) {
                return Err(format!(
                    "check {name} runs every {shown} ms, not {interval:?}"
                ));
            }
        }
        let plugins = plugins["plugins"].as_array().into_iter().flatten();
        let generation = |plugin: &Value| {
            let name = plugin["name"].as_str().unwrap_or_default();
            let digest = self.digest_on_disk(name)?;
            if plugin["digest"] != digest {
                return Err(format!("the file of {name} has digest {digest}: {plugin}"));
            }
            let generation = plugin["generation"].as_u64().unwrap_or_default();
            Ok((name.to_owned(), generation))
        };
        plugins.map(generation).collect()
    }

    fn digest_on_disk(&self, plugin: &str) -> Result<String, String> {
        let mut path = self.state.plugin(plugin);
        if !path.exists() {
            path = self.state.path(&format!("library/{plugin}.wasm"));
        }
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Digest::of(&bytes).to_string())
    }

    async fn page(&self, serving: &Serving, page: &Page) -> Result<Value, String> {
        let response = serving.get(&page.path()).await?;
        let mut seen = SeenVersions::new();
        let judge = self.state.judge(self.exact, false, &mut seen);
        let faults = judge.faults(page, &response);
        if faults.is_empty() {
            return Ok(response.json());
        }
        Err(format!("{}: {}", page.path(), faults.join("; ")))
    }
}

/// The machine may be busy with other things.
const DEADLINE: Duration = Duration::from_secs(90);
