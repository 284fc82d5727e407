//! The body of `GET /plugins`.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::files::InvalidPluginFile;
use super::{Catalog, CheckState, CheckStates, PluginEntry, Source};
use vitals_config::Origin;
use vitals_model::{CheckName, Digest, PluginName, Text};

/// The state of the configuration.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ConfigurationPage {
    /// The configuration file, or null for defaults and configurations built in code.
    pub(crate) file: Option<String>,
    /// The errors in the newest file. While there are any, the previous configuration stays active.
    pub(crate) errors: Vec<String>,
    /// Changed keys that need a restart.
    pub(crate) restart_needed: Vec<String>,
}

#[derive(Serialize)]
struct Page {
    configuration: ConfigurationPage,
    directory: Directory,
    plugins: Vec<PluginPage>,
}

#[derive(Serialize)]
struct Directory {
    path: String,
    readable: bool,
    /// The number of files that are ignored because there are too many.
    left_out: usize,
    error: Option<String>,
}

#[derive(Default, Serialize)]
struct PluginPage {
    name: String,
    state: State,
    /// The directory of the file: `library` or `dir`.
    source: Source,
    path: String,
    code: Option<String>,
    version: Option<String>,
    summary: Option<String>,
    digest: Option<Digest>,
    size_bytes: Option<u64>,
    generation: u64,
    loaded_at: Option<Timestamp>,
    compile_ms: Option<f64>,
    checks: Vec<CheckPage>,
    /// Why the newest file is not active.
    last_error: Option<String>,
    /// What a dropped-in plugin needs before it can run.
    needs: Option<String>,
}

#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Loaded,
    Loading,
    #[default]
    Failed,
    Idle,
}

#[derive(Serialize)]
struct CheckPage {
    name: CheckName,
    grants: Vec<String>,
}

impl Catalog {
    /// Returns the body of `GET /plugins`.
    pub(crate) fn page(&self, states: &CheckStates, configuration: ConfigurationPage) -> Bytes {
        let mut idle: BTreeMap<PluginName, String> = BTreeMap::new();
        let mut checks: BTreeMap<PluginName, Vec<_>> = BTreeMap::new();
        for (name, (check, state)) in states {
            let Some(plugin) = &check.plugin else {
                continue;
            };
            let grants = match state {
                CheckState::NeedsConfig(needs) => {
                    idle.insert(plugin.clone(), needs.to_string());
                    continue;
                }
                CheckState::Guest(guest) => guest.shown_grants(),
                _ => Vec::new(),
            };
            let check = CheckPage {
                name: name.clone(),
                grants,
            };
            checks.entry(plugin.clone()).or_default().push(check);
        }
        let plugin = |(name, entry): (&PluginName, &PluginEntry)| {
            let active = entry.active();
            let needs = idle.remove(name);
            PluginPage {
                name: String::from(name.clone()),
                state: match (active, entry.error(), &needs) {
                    (Some(_), _, Some(_)) => State::Idle,
                    (Some(_), _, None) => State::Loaded,
                    (None, Some(_), _) => State::Failed,
                    (None, None, _) => State::Loading,
                },
                source: entry.source,
                path: entry.path.display().to_string(),
                code: active.map(|plugin| plugin.description().code.clone()),
                version: active.map(|plugin| plugin.description().version.clone()),
                summary: active.map(|plugin| plugin.description().summary.to_string()),
                digest: active.map(|plugin| plugin.digest()),
                size_bytes: active.map(|plugin| plugin.size()),
                generation: entry.generation,
                loaded_at: entry
                    .active_since
                    .and_then(|at| Timestamp::from_second(at.as_second()).ok()),
                compile_ms: active.map(|plugin| plugin.compile_time().as_secs_f64() * 1e3),
                checks: checks.remove(name).unwrap_or_default(),
                last_error: entry.error().map(ToString::to_string),
                needs,
            }
        };
        let invalid_files = self.placeholders.iter().map(PluginPage::invalid_file);
        let plugins = self
            .entries
            .iter()
            .map(plugin)
            .chain(invalid_files)
            .collect();
        let error = self.files.error.as_ref().map(ToString::to_string);
        let readable = error.is_none();
        let excess = self.files.excess();
        let left_out = excess.as_ref().map_or(0, |excess| excess.left_out);
        let error = error.or_else(|| excess.map(|excess| excess.to_string()));
        let path = self.config.plugins.dir.display().to_string();
        let directory = Directory {
            path,
            readable,
            left_out,
            error,
        };
        let page = Page {
            configuration: ConfigurationPage {
                file: match &self.config.origin {
                    Origin::Defaults => None,
                    Origin::File(path) => Some(path.display().to_string()),
                },
                ..configuration
            },
            directory,
            plugins,
        };
        let page = serde_json::to_vec(&page);
        page.expect("a page has string keys only").into()
    }
}

impl PluginPage {
    /// Returns the entry of a file with an invalid plugin name.
    fn invalid_file((check, file): (&CheckName, &InvalidPluginFile)) -> Self {
        Self {
            name: String::from(Text::line(&file.stem, NAME_BYTES)),
            state: State::Failed,
            source: Source::Dir,
            path: file.path.display().to_string(),
            checks: vec![CheckPage {
                name: check.clone(),
                grants: Vec::new(),
            }],
            last_error: Some(file.message.clone()),
            ..Self::default()
        }
    }
}

/// The limit on the shown part of an invalid name.
const NAME_BYTES: usize = 64;
