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
use super::output::{print, print_error};
use super::report::Format;
use super::status::NOT_RUN;

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
    pub(crate) async fn run(self, file: Option<PathBuf>) -> ExitCode {
        let Ok((config, sources)) = load(file, Vec::new()) else {
            return ExitCode::from(NOT_RUN);
        };
        let log = (self.format != Format::Nagios).then(|| telemetry::start(&config.logging));
        let _log = match log.transpose() {
            Ok(log) => log,
            Err(error) => return self.not_run(&format!("cannot read VITALS_LOG: {error}")),
        };
        let workbench = match Workbench::open(config, sources.environment, compile::compiler()) {
            Ok(workbench) => workbench,
            Err(error) => return self.not_run(&error.to_string()),
        };
        match self.report(workbench).await {
            Ok((name, report)) => {
                print(&self.format.format(&name, &report));
                exit_status(report.outcome.status())
            }
            Err(error) => self.not_run(&error),
        }
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

fn exit_status(status: Status) -> ExitCode {
    ExitCode::from(match status {
        Status::Healthy => 0,
        Status::Degraded => 1,
        Status::Unhealthy => 2,
        Status::Unknown => NOT_RUN,
    })
}
