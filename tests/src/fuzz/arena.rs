//! The one sandbox in which all targets of this process load and run what they make.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::runtime::Runtime;
use vitals_host::check::{PluginName, RunReport, Status};
use vitals_host::config::{Config, Limits, Secrets};
use vitals_host::plugin::{Grants, LoadError, Plugin, Sandbox, SandboxOptions, Task};
use vitals_host::{Roots, sandbox_options};

use super::laws::{self, SECRETS};

/// Lets bytes through the gate. Whatever they are: a plugin, or an error that is about them.
pub(super) fn admit(bytes: &[u8]) -> Result<Arc<Plugin>, LoadError> {
    let name: PluginName = "fuzz".parse().expect("a name");
    let admitted = Plugin::admit(&ARENA.sandbox, name, bytes.to_vec());
    let admitted = ARENA.runtime.block_on(admitted);
    if let Err(error) = &admitted {
        let text = error.to_string();
        laws::clean("the load error", &text);
        assert!(text.len() < 4096, "a load error of {} bytes", text.len());
        assert!(
            !matches!(error, LoadError::Panic(_)),
            "the host panicked: {text}"
        );
    }
    admitted
}

/// Lets bytes through the gate, and runs what loads once.
pub(super) fn admit_and_run(bytes: &[u8]) {
    if let Ok(plugin) = admit(bytes) {
        run(&plugin, "{}".to_owned());
    }
}

/// Runs a plugin once under small limits, and holds the report to the laws.
pub(super) fn run(plugin: &Arc<Plugin>, config: String) -> RunReport {
    let task = Task {
        check: "fuzz".parse().expect("a name"),
        config: config.into(),
        grants: Arc::new(Grants::default()),
        limits: LIMITS,
        timeout: TIMEOUT,
        secrets: Arc::clone(&ARENA.secrets),
        roots: Roots::default(),
    };
    let run = plugin.run(Arc::new(task), Some(Status::Healthy));
    let report = ARENA.runtime.block_on(run);
    let late = report.elapsed.saturating_sub(TIMEOUT);
    assert!(late < LATE, "the run ended {late:?} after its deadline");
    let used = report.usage;
    assert!(used.fuel <= LIMITS.fuel, "{} of fuel", used.fuel);
    let memory = used.memory_peak_bytes;
    assert!(memory <= LIMITS.memory, "{memory} bytes of memory");
    laws::reported(report.clone());
    report
}

struct Arena {
    runtime: Runtime,
    sandbox: Sandbox,
    secrets: Arc<Secrets>,
}

static ARENA: LazyLock<Arena> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    // Nothing is compiled twice here, so that a cache would only fill a disk.
    let config: Config = "[engine]\nmax_runs = 2\nguest_threads = 1"
        .parse()
        .expect("a configuration");
    let options = SandboxOptions {
        cache_dir: None,
        ..sandbox_options(&config, None)
    };
    let sandbox = Sandbox::new(options).expect("a sandbox");
    Arena {
        runtime,
        sandbox,
        secrets: Arc::new(Secrets::new(SECRETS)),
    }
});

const LIMITS: Limits = Limits {
    fuel: 5_000_000,
    memory: 8 << 20,
    output: 256 << 10,
    connections: 4,
    http_body: 1 << 10,
};
const TIMEOUT: Duration = Duration::from_millis(500);
/// What a busy machine may add to a deadline that is held to milliseconds on a quiet one.
const LATE: Duration = Duration::from_secs(5);
