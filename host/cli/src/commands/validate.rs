//! `vitals validate`: prints every problem of the configuration and the plugins.
//!
//! This file does not know what is validated.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use vitals_host::SandboxError;
use vitals_host::workbench::Workbench;

use super::compile;
use super::configuration::load;
use super::output::{INVALID_USAGE, fail, fail_with, print, print_error};

#[derive(Debug, Args)]
pub(crate) struct Validate {}

impl Validate {
    pub(crate) async fn run(self, file: Option<PathBuf>) -> Result<ExitCode, ExitCode> {
        let (config, sources) = load(file, Vec::new())?;
        let origin = config.origin.clone();
        let workbench = Workbench::open(config, sources.environment, compile::compiler());
        let mut workbench = workbench.map_err(|error| match error {
            SandboxError::Roots(_) | SandboxError::Identities(_) => {
                fail_with(INVALID_USAGE, &error.to_string())
            }
            error => fail(&error.to_string()),
        })?;
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
            return Err(ExitCode::from(INVALID_USAGE));
        }
        print(&format!("configuration ({origin}) and plugins are valid"));
        Ok(ExitCode::SUCCESS)
    }
}
