//! `vitals inspect`: what a plugin file is.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use vitals_host::workbench::{Inspection, Workbench};

use super::{Format, compile, fail, load, print};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The file.
    #[arg(value_name = "FILE.wasm")]
    path: PathBuf,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Inspect {
    pub(crate) async fn run(self, file: Option<PathBuf>) -> ExitCode {
        let (config, sources) = match load(file, Vec::new()) {
            Ok(loaded) => loaded,
            Err(status) => return status,
        };
        let workbench = match Workbench::open(config, sources.environment, compile::compiler()) {
            Ok(workbench) => workbench,
            Err(error) => return fail(&error.to_string()),
        };
        match workbench.inspect(&self.path).await {
            Ok(found) => {
                print(&match self.format {
                    Format::Text => text(&found),
                    Format::Json => serde_json::to_string_pretty(&found).unwrap_or_default(),
                });
                ExitCode::SUCCESS
            }
            Err(error) => fail(&format!("cannot load {}: {error}", self.path.display())),
        }
    }
}

fn text(found: &Inspection) -> String {
    let mut lines = format!("{} {} - {}\n", found.code, found.version, found.summary);
    for (key, value) in &found.annotations {
        let _ = writeln!(lines, "  {key}: {value}");
    }
    let _ = writeln!(lines, "\nfile      {}", found.path);
    let _ = writeln!(lines, "size      {} KiB", found.size_bytes.div_ceil(1024));
    let _ = writeln!(lines, "sha256    {}", found.digest);
    let _ = writeln!(lines, "contract  {}", found.contract);
    let _ = writeln!(lines, "compiled  in {:.0} ms", found.compile_ms);
    lines.push_str(if found.wants.is_empty() {
        "\nwants nothing granted\n"
    } else {
        "\nwants granted, where its configuration says so\n"
    });
    for (pointer, kind) in &found.wants {
        let _ = writeln!(lines, "  {kind:5} {pointer}");
    }
    lines.push_str("\nimports\n");
    for import in &found.imports {
        let _ = writeln!(lines, "  {import}");
    }
    let _ = write!(lines, "\nconfiguration\n{:#}", found.schema);
    lines
}
