//! `vitals validate`: prints every problem of the configuration and the plugins.
//!
//! This file does not know what is validated.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use vitals_host::workbench::Workbench;

use super::compile;
use super::configuration::load;
use super::output::{fail, print, print_error};
use super::status::INVALID_USAGE;

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
            print_error(problem);
        }
        for (name, grants) in workbench.summary() {
            print(&match grants {
                Ok(grants) if grants.is_empty() => format!("{name}: valid, may reach nothing"),
                Ok(grants) => format!("{name}: valid, may reach {}", grants.join(", ")),
                Err(needs) => format!("{name}: idle, {needs}"),
            });
        }
        if !problems.is_empty() {
            return ExitCode::from(INVALID_USAGE);
        }
        print(&format!("configuration ({origin}) and plugins are valid"));
        ExitCode::SUCCESS
    }
}
