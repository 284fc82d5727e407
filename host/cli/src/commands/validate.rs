//! `vitals validate`: everything that `serve` would complain of, all at once.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use vitals_host::workbench::Workbench;

use super::compile;
use super::configuration::load;
use super::output::{complain, fail, print};
use super::status::CONFIGURATION;

#[derive(Debug, Args)]
pub(crate) struct Validate {}

impl Validate {
    pub(crate) async fn run(self, file: Option<PathBuf>) -> ExitCode {
        let (config, sources) = match load(file, Vec::new()) {
            Ok(loaded) => loaded,
            Err(status) => return status,
        };
        let origin = config.origin.clone();
        let mut workbench = match Workbench::open(config, sources.environment, compile::compiler())
        {
            Ok(workbench) => workbench,
            Err(error) => return fail(&error.to_string()),
        };
        let problems = workbench.problems().await;
        for problem in &problems {
            complain(problem);
        }
        for (name, grants) in workbench.summary() {
            print(&match grants {
                Ok(grants) if grants.is_empty() => format!("{name}: ok, may reach nothing"),
                Ok(grants) => format!("{name}: ok, may reach {}", grants.join(", ")),
                Err(needs) => format!("{name}: idle, {needs}"),
            });
        }
        if !problems.is_empty() {
            return ExitCode::from(CONFIGURATION);
        }
        print(&format!("configuration ({origin}) and plugins are valid"));
        ExitCode::SUCCESS
    }
}
