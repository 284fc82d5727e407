//! The cost of the limits on a guest's time, alone and together, for a short guest and for one that
//! computes.

use std::path::Path;

use anyhow::Result;

use crate::bare::{Loop, Time};
use crate::rounds::Figures;
use crate::table::{Bound, Row};

/// Measures both guests under each set of limits, against no limits.
pub(crate) fn rows(guests: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (guest, runs, names) in [("hello", 20_000, SHORT), ("busy", 200, BUSY)] {
        let guest = guests.join(format!("{guest}.wasm"));
        let loops = SETS
            .map(|time| Loop::with(&guest, time, runs))
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        let mut figures: [Figures; SETS.len()] = Default::default();
        for _ in 0..crate::ROUNDS {
            for (one, figures) in loops.iter().zip(&mut figures) {
                figures.push(one.micros_per_run()?);
            }
        }
        let [none, limited @ ..] = figures;
        rows.extend(names.into_iter().zip(limited).map(|(what, measured)| Row {
            what,
            unit: "µs",
            measured,
            baseline: none.clone(),
            bound: Bound::None,
        }));
    }
    Ok(rows)
}

const SETS: [Time; 4] = [
    Time {
        fuel: false,
        epoch: false,
    },
    Time {
        fuel: false,
        epoch: true,
    },
    Time {
        fuel: true,
        epoch: false,
    },
    Time {
        fuel: true,
        epoch: true,
    },
];
const SHORT: [&str; 3] = [
    "limits on time, an empty check: epoch / none, bare loop",
    "limits on time, an empty check: fuel / none, bare loop",
    "limits on time, an empty check: epoch and fuel / none, bare loop",
];
const BUSY: [&str; 3] = [
    "limits on time, a check that computes: epoch / none, bare loop",
    "limits on time, a check that computes: fuel / none, bare loop",
    "limits on time, a check that computes: epoch and fuel / none, bare loop",
];
