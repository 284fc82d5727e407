//! `cargo xtask bench`: measures each promise about speed against its baseline in the same run.
//!
//! Rounds of both sides alternate, and their medians are compared. Machines are noisy, so only ratios
//! are meaningful. A missed promise is printed as `MISSED`.

mod bare;
mod blocking_loop;
mod checkers;
mod clock;
mod endless;
mod fleet;
mod limits;
mod outside;
mod pages;
mod plugins;
mod reload;
mod reloads;
mod replaceable;
mod rounds;
mod sandbox;
mod soak;
mod table;
mod target_server;
mod targets;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rounds::Figures;
use table::{Bound, Row};

fn main() -> Result<()> {
    let selected: Vec<_> = std::env::args().skip(1).collect();
    if selected == [target_server::ARGUMENT] {
        return target_server::serve();
    }
    if let Some(unknown) = selected
        .iter()
        .find(|name| !BENCHMARKS.contains(&name.as_str()))
    {
        anyhow::bail!(
            "there is no benchmark `{unknown}`; there are {}",
            BENCHMARKS.join(", ")
        );
    }
    let is_selected = |name: &str| selected.is_empty() || selected.iter().any(|one| one == name);
    let guests = guests()?;
    let hello = guests.join("hello.wasm");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    table::head();
    for name in BENCHMARKS.into_iter().filter(|name| is_selected(name)) {
        let rows = runtime.block_on(async {
            Ok::<_, anyhow::Error>(match name {
                "run" => run(&hello).await?.into(),
                "limits" => limits::rows(&guests)?,
                "pages" => vec![pages::health_against_constant(&hello).await?],
                "many" => vec![many(&hello).await?],
                "outside" => outside::rows(&hello).await?,
                "endless" => endless::rows(&guests).await?,
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

/// One run through schedule, sandbox and board, against a bare wasmtime loop.
async fn run(guest: &Path) -> Result<[Row; 3]> {
    let bare = bare::Loop::new(guest)?;
    let sandbox = sandbox::Loop::new(guest).await?;
    bare.micros_per_run()?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let [mut alone, mut sandboxed, mut hosted, mut side_by_side] =
        std::array::from_fn(|_| Figures::default());
    for _ in 0..ROUNDS {
        alone.push(bare.micros_per_run()?);
        side_by_side.push(bare.micros_per_run_on(threads)?);
        sandboxed.push(sandbox.micros_per_run().await);
        let fleet = fleet::Fleet::start(guest, 100, Duration::from_millis(4)).await?;
        hosted.push(fleet.micros_per_run().await?);
        fleet.stop().await;
    }
    Ok([
        Row {
            what: "one run of an empty check: CPU time in the host / in a bare wasmtime loop",
            unit: "µs",
            measured: hosted,
            baseline: alone.clone(),
            bound: Bound::AtMost(1.3),
        },
        Row {
            what: "  of which: the bare loop on every core at once, like guests",
            unit: "µs",
            measured: side_by_side,
            baseline: alone.clone(),
            bound: Bound::None,
        },
        Row {
            what: "  beside it: the sandbox alone, including the hand-over to a guest thread",
            unit: "µs",
            measured: sandboxed,
            baseline: alone,
            bound: Bound::None,
        },
    ])
}

/// One run with 10,000 checks loaded against one with 100, at the same number of runs a second.
async fn many(guest: &Path) -> Result<Row> {
    let (mut few, mut many) = (Figures::default(), Figures::default());
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
        measured: many,
        baseline: few,
        bound: Bound::AtMost(1.2),
    })
}

/// The directory of the test guests, which `cargo xtask guests` builds.
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

/// The benchmarks by name. Without arguments all of them run.
const BENCHMARKS: [&str; 11] = [
    "run", "limits", "pages", "many", "outside", "endless", "reload", "reloads", "plugins",
    "checkers", "soak",
];
const ROUNDS: usize = 5;
