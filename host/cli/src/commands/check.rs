//! `vitals check`: one run, printed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use vitals_host::check::{CheckName, RunReport, Status};
use vitals_host::workbench::{NotRun, Workbench};

use crate::telemetry;

use super::ad_hoc::AdHocOptions;
use super::compile;
use super::configuration::load;
use super::output::{complain, print};
use super::report::Format;
use super::status::NOT_RUN;

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A check of the configuration (`orders-db`, `module:billing`), or the file of a plugin.
    #[arg(value_name = "NAME or FILE.wasm")]
    what: String,
    #[command(flatten)]
    told: AdHocOptions,
    /// How to print the result.
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
            Err(error) => return self.not_run(&format!("VITALS_LOG can't be read: {error}")),
        };
        let workbench = match Workbench::open(config, sources.environment, compile::compiler()) {
            Ok(workbench) => workbench,
            Err(error) => return self.not_run(&error.to_string()),
        };
        match self.report(workbench).await {
            Ok((name, report)) => {
                print(&self.format.show(&name, &report));
                exit_status(report.outcome.status())
            }
            Err(why) => self.not_run(&why),
        }
    }

    async fn report(&self, mut workbench: Workbench) -> Result<(String, RunReport), String> {
        let text = |error: NotRun| error.to_string();
        if self.is_file() {
            let told = self.told.ad_hoc()?;
            let path = Path::new(&self.what);
            let report = workbench.run_file(path, told).await.map_err(text)?;
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            return Ok((name, report));
        }
        if !self.told.is_nothing() {
            return Err(format!(
                "`--settings`, `--allow` and `--timeout` go with a file; check `{}` has its own in \
                 the configuration",
                self.what
            ));
        }
        let name: CheckName = self.what.parse().map_err(|error| format!("{error}"))?;
        let report = workbench.run(&name).await.map_err(text)?;
        Ok((name.to_string(), report))
    }

    /// A name can hold neither a slash nor the ending of a plugin that is there.
    fn is_file(&self) -> bool {
        self.what.contains('/') || Path::new(&self.what).extension() == Some("wasm".as_ref())
    }

    /// Says why there is no result; a Nagios plugin says so on standard output.
    fn not_run(&self, why: &str) -> ExitCode {
        match self.format {
            Format::Nagios => print(&format!("UNKNOWN: {}", super::report::nagios_text(why))),
            Format::Text | Format::Json => complain(why),
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
