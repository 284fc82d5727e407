//! Resident memory after a thousand versions of one plugin in one host.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::replaceable::ReplaceablePlugin;
use crate::soak::resident;
use crate::table::{Bound, Row};

/// Makes [`RELOADS`] reloads, and compares resident memory at the end with that after a tenth of them.
pub(crate) async fn row(guests: &Path) -> Result<Row> {
    let mut host = ReplaceablePlugin::start(&guests.join("hello.wasm"), "").await?;
    reload(&mut host, RELOADS / 10).await?;
    let warm = resident()?;
    reload(&mut host, RELOADS - RELOADS / 10).await?;
    let measured = resident()?;
    host.stop().await?;
    Ok(Row {
        what: "resident memory after 1,000 reloads of one plugin / after 100",
        unit: "MiB",
        measured: measured.into(),
        baseline: warm.into(),
        bound: Bound::AtMost(1.1),
    })
}

async fn reload(host: &mut ReplaceablePlugin, count: u32) -> Result<()> {
    for _ in 0..count {
        let version = host.replace()?;
        // A reload skips the debounce.
        host.reloader.reload(BTreeSet::new()).await?;
        host.result_of(version).await?;
    }
    Ok(())
}

const RELOADS: u32 = 1_000;
