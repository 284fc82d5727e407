//! A changed file until the first result of the new version, against what of that has to be: the
//! 200 ms of quiet that the host waits for, and the compilation.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::clock::median;
use crate::replaced::Replaced;
use crate::table::{Bound, Row};

/// A plugin, how often it is replaced, and what its rows are called.
struct Guest {
    file: &'static str,
    config: &'static str,
    rounds: usize,
    whole: &'static str,
    middle: &'static str,
    worst: &'static str,
}

/// Replaces one plugin of each size, again and again.
pub(crate) async fn rows(guests: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for guest in GUESTS {
        rows.extend(replace(guests, guest).await?);
    }
    Ok(rows)
}

async fn replace(guests: &Path, guest: Guest) -> Result<[Row; 3]> {
    let mut host = Replaced::start(&guests.join(guest.file), guest.config).await?;
    // The first load is that of a host that starts.
    let first = host.replace()?;
    host.result_of(first).await?;
    let (mut totals, mut needed, mut rests) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..guest.rounds {
        // Nothing of the load before is left to do.
        tokio::time::sleep(PAUSE).await;
        let version = host.replace()?;
        let total = host.result_of(version).await? - version.since;
        let needs = DEBOUNCE + host.compile_time().await?;
        totals.push(millis(total));
        needed.push(millis(needs));
        rests.push(millis(total) - millis(needs));
    }
    host.stop().await?;
    let worst = rests.iter().copied().reduce(f64::max);
    let row = |what, measured, baseline, bound| Row {
        what,
        unit: "ms",
        measured,
        baseline,
        bound,
    };
    let promised = millis(PROMISED);
    let kept = Bound::AtMost(1.0);
    Ok([
        row(guest.whole, median(totals), median(needed), Bound::None),
        row(guest.middle, median(rests), promised, kept),
        row(
            guest.worst,
            worst.context("there are rounds")?,
            promised,
            kept,
        ),
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
        whole: "an empty check in Rust, changed file to first result / debounce + compilation",
        middle: "  the rest, median of 20 / 50 ms",
        worst: "  the rest, worst of 20 / 50 ms",
    },
    Guest {
        file: "../plugins/http.wasm",
        config: "config = { url = \"http://127.0.0.1:9\" }\n",
        rounds: 20,
        whole: "the plugin `http`, the same",
        middle: "  the rest, median of 20 / 50 ms",
        worst: "  the rest, worst of 20 / 50 ms",
    },
    Guest {
        file: "js-quota.wasm",
        config: "config = { used = 1 }\n",
        rounds: 10,
        whole: "a check in JavaScript, the same",
        middle: "  the rest, median of 10 / 50 ms",
        worst: "  the rest, worst of 10 / 50 ms",
    },
    Guest {
        file: "python-expiry.wasm",
        config: "config = { expires = \"2999-12-31\" }\n",
        rounds: 5,
        whole: "a check in Python, the same",
        middle: "  the rest, median of 5 / 50 ms",
        worst: "  the rest, worst of 5 / 50 ms",
    },
];
/// How long the host waits for quiet after a change.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// What a change may take beyond debounce and compilation.
const PROMISED: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(500);
