//! `vitals check`: runs one check once and prints the result.
//!
//! This file does not know how a check is run or how a result is formatted.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use vitals_host::check::{CheckName, RunReport, Status};
use vitals_host::workbench::{NotRun, Workbench};

use crate::telemetry;

use super::ad_hoc::AdHocOptions;
use super::compile;
use super::configuration::load;
use super::output::{NOT_RUN, print, print_error};
use super::report::Format;

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Name of a check (`orders-db`, `module:billing`), or path of a plugin file.
    #[arg(value_name = "NAME|FILE.wasm")]
    target: String,
    #[command(flatten)]
    options: AdHocOptions,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Check {
    pub(crate) async fn run(self, file: Option<PathBuf>) -> Result<ExitCode, ExitCode> {
        let loaded = load(file, Vec::new());
        let (config, sources) = loaded.map_err(|_| ExitCode::from(NOT_RUN))?;
        let _log = (self.format != Format::Nagios).then(|| telemetry::start(&config.logging));
        let workbench = Workbench::open(config, sources.environment, compile::compiler());
        let workbench = workbench.map_err(|error| self.not_run(&error.to_string()))?;
        let reported = self.report(workbench).await;
        let (name, report) = reported.map_err(|error| self.not_run(&error))?;
        print(&self.format.format(&name, &report));
        Ok(ExitCode::from(match report.outcome.status() {
            Status::Healthy => 0,
            Status::Degraded => 1,
            Status::Unhealthy => 2,
            Status::Unknown => NOT_RUN,
        }))
    }

    async fn report(&self, mut workbench: Workbench) -> Result<(String, RunReport), String> {
        let text = |error: NotRun| error.to_string();
        if self.is_file() {
            let ad_hoc = self.options.ad_hoc()?;
            let path = Path::new(&self.target);
            let report = workbench.run_file(path, ad_hoc).await.map_err(text)?;
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            return Ok((name, report));
        }
        if !self.options.is_empty() {
            return Err(format!(
                "cannot run check `{}` with `--settings`, `--allow` or `--timeout`: these options are for \
                 plugin files; set `config`, `allow` and `timeout` of the check in the configuration",
                self.target
            ));
        }
        let name: CheckName = self.target.parse().map_err(|error| format!("{error}"))?;
        let report = workbench.run(&name).await.map_err(text)?;
        Ok((name.to_string(), report))
    }

    /// Whether the target is a file: the name of a check has no slash and does not end in `.wasm`.
    fn is_file(&self) -> bool {
        self.target.contains('/') || Path::new(&self.target).extension() == Some("wasm".as_ref())
    }

    /// Prints why there is no result. A Nagios plugin prints it on standard output.
    fn not_run(&self, error: &str) -> ExitCode {
        match self.format {
            Format::Nagios => print(&format!("UNKNOWN: {}", super::report::nagios_text(error))),
            Format::Text | Format::Json => print_error(error),
        }
        ExitCode::from(NOT_RUN)
    }
}
