//! `vitals inspect`: describes a plugin file.
//!
//! This file formats an inspection. The workbench makes it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use vitals_host::workbench::settings::{self, Row};
use vitals_host::workbench::{Inspection, Workbench};

use super::compile;
use super::configuration::load;
use super::output::{Format, fail, print, wrap};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Path of the plugin file.
    #[arg(value_name = "FILE.wasm")]
    path: PathBuf,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Inspect {
    pub(crate) async fn run(self, file: Option<PathBuf>) -> Result<ExitCode, ExitCode> {
        let (config, sources) = load(file, Vec::new())?;
        let workbench = Workbench::open(config, sources.environment, compile::compiler());
        let workbench = workbench.map_err(|error| fail(&error.to_string()))?;
        let inspection = workbench
            .inspect(&self.path)
            .await
            .map_err(|error| fail(&format!("cannot load {}: {error}", self.path.display())))?;
        print(&match self.format {
            Format::Text => text(&inspection),
            Format::Json => serde_json::to_string_pretty(&inspection).unwrap_or_default(),
        });
        Ok(ExitCode::SUCCESS)
    }
}

fn text(inspection: &Inspection) -> String {
    let mut lines = format!(
        "{} {} - {}\n",
        inspection.code, inspection.version, inspection.summary
    );
    for (key, value) in &inspection.annotations {
        let _ = writeln!(lines, "  {key}: {value}");
    }
    let _ = write!(
        lines,
        "\nfile      {}\nsize      {} KiB\nsha256    {}\ncontract  {}\n\
         compiled  in {:.0} ms\n\nsettings\n",
        inspection.path,
        inspection.size_bytes.div_ceil(1024),
        inspection.digest,
        inspection.contract,
        inspection.compile_ms,
    );
    write_settings(&mut lines, &settings::rows(&inspection.schema));
    lines.push_str(if inspection.wants.is_empty() {
        "\nno setting is a grant\n"
    } else {
        "\nsettings that are grants\n"
    });
    for (pointer, kind) in &inspection.wants {
        let _ = writeln!(lines, "  {kind:5} {pointer}");
    }
    let is_imported = |interface: &str| {
        let mut imports = inspection.imports.iter();
        imports.any(|import| import.starts_with(interface))
    };
    let mut heading = "\ncan use more grants, set by `allow`\n";
    for (interface, key, entries) in GRANTED_INTERFACES {
        if is_imported(interface) {
            let _ = writeln!(lines, "{heading}  {key:8} {entries}");
            heading = "";
        }
    }
    lines.push_str("\nimports\n");
    for import in &inspection.imports {
        let _ = writeln!(lines, "  {import}");
    }
    lines.truncate(lines.trim_end().len());
    lines
}

/// Writes key, default and type of each setting in columns, and its description below.
fn write_settings(lines: &mut String, rows: &[Row]) {
    if rows.is_empty() {
        lines.push_str("  none\n");
    }
    let width = |cells: &dyn Fn(&Row) -> usize| rows.iter().map(cells).max().unwrap_or_default();
    let keys = width(&|row| row.key.chars().count());
    let defaults = width(&|row| default(row).chars().count()).min(WIDEST_DEFAULT);
    for row in rows {
        let secret = if row.is_secret { ", secret" } else { "" };
        let Row { key, kind, .. } = row;
        let _ = writeln!(
            lines,
            "  {key:keys$}  {:defaults$}  {kind}{secret}",
            default(row)
        );
        let grants = row.grants.as_ref();
        let grants = grants
            .map(|kind| format!(" Grants `{kind}`."))
            .unwrap_or_default();
        let description = format!("{}{grants}", row.description);
        for line in wrap(&description, WIDTH)
            .iter()
            .filter(|line| !line.is_empty())
        {
            let _ = writeln!(lines, "      {line}");
        }
    }
}

fn default(row: &Row) -> &str {
    match &row.default {
        Some(default) => default,
        None if row.is_needed => "required",
        None => "-",
    }
}

/// The interfaces that need a grant: the beginning of their names, the key of `allow`, and examples
/// of entries. Sockets are left out, because every component for WASI imports them, even if it does
/// not use them.
const GRANTED_INTERFACES: [(&str, &str, &str); 4] = [
    ("vitals:health/files@", "files", "paths: \"/var/backups\""),
    (
        "vitals:health/system@",
        "system",
        "\"disk:/srv\", \"memory\", \"load\"",
    ),
    (
        "vitals:health/net@",
        "tcp",
        "addresses: \"mail.internal:465\"",
    ),
    (
        "wasi:http/outgoing-handler@",
        "http",
        "origins: \"https://api.example.com\"",
    ),
];
const WIDTH: usize = 94;
/// The width of the column of defaults. A longer default shifts only the rest of its own row.
const WIDEST_DEFAULT: usize = 16;
