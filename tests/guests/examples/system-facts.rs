//! Requests facts about the machine: a disk that its configuration grants, and others that it does
//! not.

use std::path::PathBuf;

use vitals_sdk::prelude::*;

/// What to request.
#[derive(Config)]
struct Settings {
    /// Granted by this setting.
    #[config(grant = "disk")]
    disks: Vec<PathBuf>,
    /// Not granted by this setting.
    #[config(default)]
    others: Vec<String>,
}

/// Requests all facts.
#[health_check(code = "system-facts")]
fn check(settings: Settings) -> Outcome {
    let written = settings.disks.iter().map(|path| path.display().to_string());
    let disks: Vec<Value> = written.chain(settings.others).map(disk).collect();
    let memory = system::memory().map_or_else(
        |error| refused(&error),
        |found| {
            json!({
                "total": found.total_bytes,
                "available": found.available_bytes,
                "swap_total": found.swap_total_bytes,
                "swap_free": found.swap_free_bytes,
                "used": found.used_ratio(),
            })
        },
    );
    let load = system::load().map_or_else(
        |error| refused(&error),
        |found| {
            json!({
                "averages": [found.one, found.five, found.fifteen],
                "cpus": found.cpus,
            })
        },
    );
    Outcome::healthy("asked")
        .detail("disks", json!(disks))
        .detail("memory", memory)
        .detail("load", load)
}

fn disk(path: String) -> Value {
    system::disk(path).map_or_else(
        |error| refused(&error),
        |found| {
            json!({
                "total": found.total_bytes,
                "available": found.available_bytes,
                "total_inodes": found.total_inodes,
                "available_inodes": found.available_inodes,
                "used": found.used_ratio(),
            })
        },
    )
}

fn refused(error: &system::Error) -> Value {
    json!({ "denied": error.is_denied(), "text": error.to_string() })
}
