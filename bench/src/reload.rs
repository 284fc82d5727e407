//! The time from a changed file to the first result of the new version, against its unavoidable part: the
//! debounce of 200 ms and the compilation.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::replaceable::ReplaceablePlugin;
use crate::rounds::Figures;
use crate::table::{Bound, Row};

/// A plugin, the number of its replacements, and the names of its rows.
struct Guest {
    file: &'static str,
    config: &'static str,
    rounds: usize,
    total: &'static str,
    median_overhead: &'static str,
    worst_overhead: &'static str,
}

/// Replaces one plugin of each size several times.
pub(crate) async fn rows(guests: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for guest in GUESTS {
        rows.extend(replace(guests, guest).await?);
    }
    Ok(rows)
}

async fn replace(guests: &Path, guest: Guest) -> Result<[Row; 3]> {
    let mut host = ReplaceablePlugin::start(&guests.join(guest.file), guest.config).await?;
    // The first load belongs to the start of the host.
    let first = host.replace()?;
    host.result_of(first).await?;
    let (mut totals, mut required) = (Figures::default(), Figures::default());
    let (mut overheads, mut worst_overhead) = (Figures::default(), f64::MIN);
    for _ in 0..guest.rounds {
        // Let the host finish its work on the previous load.
        tokio::time::sleep(PAUSE).await;
        let version = host.replace()?;
        let total = host.result_of(version).await? - version.since;
        let unavoidable = DEBOUNCE + host.compile_time().await?;
        totals.push(millis(total));
        required.push(millis(unavoidable));
        let overhead = millis(total) - millis(unavoidable);
        overheads.push(overhead);
        worst_overhead = worst_overhead.max(overhead);
    }
    host.stop().await?;
    let row = |what, measured, baseline, bound| Row {
        what,
        unit: "ms",
        measured,
        baseline,
        bound,
    };
    let promised = Figures::from(millis(MAX_OVERHEAD));
    let kept = Bound::AtMost(1.0);
    Ok([
        row(guest.total, totals, required, Bound::None),
        row(guest.median_overhead, overheads, promised.clone(), kept),
        row(guest.worst_overhead, worst_overhead.into(), promised, kept),
    ])
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

const GUESTS: [Guest; 4] = [
    Guest {
        file: "hello.wasm",
        config: "",
        rounds: 20,
        total: "an empty check in Rust, changed file to first result / debounce + compilation",
        median_overhead: "  overhead, median of 20 / 50 ms",
        worst_overhead: "  overhead, worst of 20 / 50 ms",
    },
    Guest {
        file: "../plugins/http.wasm",
        config: "config = { url = \"http://127.0.0.1:9\" }\n",
        rounds: 20,
        total: "the plugin `http`, the same",
        median_overhead: "  overhead, median of 20 / 50 ms",
        worst_overhead: "  overhead, worst of 20 / 50 ms",
    },
    Guest {
        file: "js-quota.wasm",
        config: "config = { used = 1 }\n",
        rounds: 10,
        total: "a check in JavaScript, the same",
        median_overhead: "  overhead, median of 10 / 50 ms",
        worst_overhead: "  overhead, worst of 10 / 50 ms",
    },
    Guest {
        file: "python-expiry.wasm",
        config: "config = { expires = \"2999-12-31\" }\n",
        rounds: 5,
        total: "a check in Python, the same",
        median_overhead: "  overhead, median of 5 / 50 ms",
        worst_overhead: "  overhead, worst of 5 / 50 ms",
    },
];
/// How long a file must stay unchanged before the host reads it.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// The promised maximum beyond debounce and compilation.
const MAX_OVERHEAD: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(500);
