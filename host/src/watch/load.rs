//! Loading one file: read, digest, gate.

use std::time::Duration;

use crate::catalog::{LoadOutcome, Shelved, Wanted};
use crate::check::Digest;
use crate::metrics::Metrics;
use crate::plugin::{Plugin, Sandbox};

/// What became of a file.
pub(super) struct Load {
    pub(super) wanted: Wanted,
    pub(super) outcome: LoadOutcome,
}

/// What log and metrics say of a load.
pub(super) struct Facts {
    digest: Option<Digest>,
    version: String,
    compile_time: Duration,
    error: Option<String>,
}

/// Reads a file and lets it through the gate, unless its content is the one `seen` before.
pub(super) async fn load(sandbox: Sandbox, wanted: Wanted, seen: Option<Digest>) -> Load {
    let path = wanted.path.clone();
    let read = tokio::task::spawn_blocking(move || {
        let bytes = Plugin::read(&path)?;
        Ok((Digest::of(&bytes), bytes))
    });
    let outcome = match read.await.expect("reading a file does not panic") {
        Err(error) => LoadOutcome::Failed(None, error),
        Ok((digest, _)) if seen == Some(digest) => LoadOutcome::Unchanged,
        Ok((digest, bytes)) => match Plugin::admit(&sandbox, wanted.name.clone(), bytes).await {
            Ok(plugin) => LoadOutcome::Loaded(plugin),
            Err(error) => LoadOutcome::Failed(Some(digest), error),
        },
    };
    Load { wanted, outcome }
}

/// What there is to say of a load.
pub(super) fn facts(outcome: &LoadOutcome) -> Facts {
    let nothing = Facts {
        digest: None,
        version: String::new(),
        compile_time: Duration::ZERO,
        error: None,
    };
    match outcome {
        LoadOutcome::Loaded(plugin) => Facts {
            digest: Some(plugin.digest()),
            version: plugin.description().version.clone(),
            compile_time: plugin.compile_time(),
            error: None,
        },
        LoadOutcome::Failed(digest, error) => Facts {
            digest: *digest,
            error: Some(error.to_string()),
            ..nothing
        },
        LoadOutcome::Unchanged => nothing,
    }
}

/// Says it, once for each change.
pub(super) fn report(wanted: &Wanted, shelved: Shelved, facts: &Facts, metrics: &Metrics) {
    let (plugin, path) = (&wanted.name, wanted.path.display());
    match (shelved, facts.digest, &facts.error) {
        (Shelved::Loaded(generation), Some(digest), _) => {
            let compile_ms = u64::try_from(facts.compile_time.as_millis()).unwrap_or(u64::MAX);
            let (version, short) = (&facts.version, digest.short());
            tracing::info!(%plugin, version, digest = short, generation, compile_ms, "plugin loaded");
            metrics.plugin_loaded(plugin, version, digest, generation, facts.compile_time);
        }
        (Shelved::Failed, _, Some(error)) => {
            tracing::error!(%plugin, %path, "cannot load plugin: {error}");
            metrics.plugin_load_failed(plugin);
        }
        _ => {}
    }
}
