//! `cargo xtask bench`: the promises on speed, each against its baseline in the same run.
//!
//! Rounds of the two sides alternate and medians are compared, because the machines this runs on
//! are noisy: ratios mean something, times do not. A promise that is missed is printed as missed.

mod bare;
mod checkers;
mod clock;
mod crowd;
mod fleet;
mod limits;
mod outside;
mod pages;
mod plugins;
mod reload;
mod reloads;
mod replaced;
mod sandbox;
mod served;
mod soak;
mod table;
mod targets;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use table::{Bound, Row};

fn main() -> Result<()> {
    let wanted: Vec<_> = std::env::args().skip(1).collect();
    if wanted == [served::ARGUMENT] {
        return served::serve();
    }
    if let Some(unknown) = wanted.iter().find(|part| !PARTS.contains(&part.as_str())) {
        anyhow::bail!(
            "there is no part `{unknown}`; there are {}",
            PARTS.join(", ")
        );
    }
    let is_wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|one| one == part);
    let guests = guests()?;
    let hello = guests.join("hello.wasm");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    table::head();
    for part in PARTS.into_iter().filter(|part| is_wanted(part)) {
        let rows = runtime.block_on(async {
            Ok::<_, anyhow::Error>(match part {
                "run" => run(&hello).await?.into(),
                "limits" => limits::rows(&guests)?,
                "pages" => vec![pages::health_against_constant(&hello).await?],
                "many" => vec![many(&hello).await?],
                "outside" => outside::rows(&hello).await?,
                "crowd" => crowd::rows(&guests).await?,
                "reload" => reload::rows(&guests).await?,
                "reloads" => vec![reloads::row(&guests).await?],
                "plugins" => {
                    plugins::print().await?;
                    Vec::new()
                }
                "checkers" => checkers::rows().await?,
                _ => vec![soak::row(&guests).await?],
            })
        })?;
        rows.iter().for_each(table::add);
    }
    Ok(())
}

/// One run through schedule, sandbox and board against a bare wasmtime loop.
async fn run(guest: &Path) -> Result<[Row; 3]> {
    let bare = bare::Loop::new(guest)?;
    let sandbox = sandbox::Loop::new(guest).await?;
    bare.micros_per_run()?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut alone, mut sandboxed, mut hosted) = (Vec::new(), Vec::new(), Vec::new());
    let mut side_by_side = Vec::new();
    for _ in 0..ROUNDS {
        alone.push(bare.micros_per_run()?);
        side_by_side.push(bare.micros_per_run_on(threads)?);
        sandboxed.push(sandbox.micros_per_run().await);
        let fleet = fleet::Fleet::start(guest, 100, Duration::from_millis(4)).await?;
        hosted.push(fleet.micros_per_run().await?);
        fleet.stop().await;
    }
    let baseline = clock::median(alone);
    Ok([
        Row {
            what: "one run of an empty check: CPU time in the host / in a bare wasmtime loop",
            unit: "µs",
            measured: clock::median(hosted),
            baseline,
            bound: Bound::AtMost(1.3),
        },
        Row {
            what: "  of which: the bare loop on every core at once, as guests run",
            unit: "µs",
            measured: clock::median(side_by_side),
            baseline,
            bound: Bound::None,
        },
        Row {
            what: "  beside it: the sandbox alone, with the way to a guest thread and back",
            unit: "µs",
            measured: clock::median(sandboxed),
            baseline,
            bound: Bound::None,
        },
    ])
}

/// One run with 10,000 checks loaded against one with 100, at the same number of runs a second.
async fn many(guest: &Path) -> Result<Row> {
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS.div_ceil(2) {
        let fleet = fleet::Fleet::start(guest, 100, Duration::from_millis(20)).await?;
        few.push(fleet.micros_per_run().await?);
        fleet.stop().await;
        let fleet = fleet::Fleet::start(guest, 10_000, Duration::from_secs(2)).await?;
        many.push(fleet.micros_per_run().await?);
        fleet.stop().await;
    }
    Ok(Row {
        what: "one run at 5,000 runs a second: CPU time with 10,000 checks loaded / with 100",
        unit: "µs",
        measured: clock::median(many),
        baseline: clock::median(few),
        bound: Bound::AtMost(1.2),
    })
}

/// Where the test guests lie: built by `cargo xtask guests`.
fn guests() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the crate has a parent")?;
    let dir = root.join("target/test-guests");
    anyhow::ensure!(
        dir.join("hello.wasm").exists(),
        "no test guests: run `cargo xtask guests`"
    );
    Ok(dir)
}

/// What can be asked for by name; all of it otherwise.
const PARTS: [&str; 11] = [
    "run", "limits", "pages", "many", "outside", "crowd", "reload", "reloads", "plugins",
    "checkers", "soak",
];
const ROUNDS: usize = 5;
