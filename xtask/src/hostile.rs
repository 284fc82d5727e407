//! `cargo xtask hostile`: runs the hostile-guest suite and writes its results to the book.
//!
//! It builds what `vitals-hostile` needs and starts it. It must not know what the guests do.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::command::{command, run};
use crate::guests::{self, STEPS_FOR_TESTS};
use crate::step::{self, Steps};
use crate::tests::{native, with_fixtures};
use crate::workspace;

/// The cases to run.
#[derive(Args)]
pub(crate) struct Hostile {
    /// Allow a second at each deadline, on a machine that is not idle. Writes no results.
    #[arg(long)]
    busy: bool,
    /// Groups or cases to run; all by default.
    names: Vec<String>,
}

impl Hostile {
    /// Builds and runs the suite, and writes the results if all cases were run.
    pub(crate) fn run(&self) -> Result<()> {
        let mut steps = Steps::new(STEPS_FOR_TESTS + 2);
        guests::all_for_tests(&mut steps)?;
        steps.step("the host and the suite", || {
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

/// The page of the results.
fn page() -> PathBuf {
    workspace::root().join("docs/hostile-guests.md")
}
