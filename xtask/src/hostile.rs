//! `cargo xtask hostile`: lets the hostile guests loose and writes down what was seen.
//!
//! It builds what `vitals-hostile` needs and starts it; what the guests do, it must not know.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::command::{command, run};
use crate::guests::{self, STEPS_FOR_TESTS};
use crate::step::{self, Steps};
use crate::tests::{native, with_fixtures};
use crate::workspace;

/// What to let loose, and where.
#[derive(Args)]
pub(crate) struct Hostile {
    /// Hold deadlines to a second only: for a machine that others use.
    #[arg(long)]
    busy: bool,
    /// Groups or cases; all of them if none is named.
    names: Vec<String>,
}

impl Hostile {
    /// Builds, lets loose, and, where all were, writes the page of the docs.
    pub(crate) fn run(&self) -> Result<()> {
        let mut steps = Steps::new(STEPS_FOR_TESTS + 2);
        guests::all_for_tests(&mut steps)?;
        steps.step("the host and its keeper", || {
            run(native("build").args(["--bin", "vitals", "--bin", "vitals-hostile"]))
        })?;
        let page = page();
        steps.step("the hostile-guest suite", || {
            let mut hostile = command(workspace::target().join("debug/vitals-hostile"));
            if self.busy {
                hostile.arg("--busy");
            }
            if self.names.is_empty() && !self.busy {
                hostile.arg("--table").arg(&page);
            }
            hostile.args(&self.names);
            run(with_fixtures(&mut hostile))
        })?;
        step::note(&format!("written to {}", page.display()));
        Ok(())
    }
}

/// The page of the docs that tells what was seen.
fn page() -> PathBuf {
    workspace::root().join("docs/hostile-guests.md")
}
