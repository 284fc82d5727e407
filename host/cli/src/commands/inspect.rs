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
use super::format::Format;
use super::output::{fail, print};
use super::wrap::wrap;

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
            Ok(inspection) => {
                print(&match self.format {
                    Format::Text => text(&inspection),
                    Format::Json => serde_json::to_string_pretty(&inspection).unwrap_or_default(),
                });
                ExitCode::SUCCESS
            }
            Err(error) => fail(&format!("cannot load {}: {error}", self.path.display())),
        }
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
    let _ = writeln!(lines, "\nfile      {}", inspection.path);
    let _ = writeln!(
        lines,
        "size      {} KiB",
        inspection.size_bytes.div_ceil(1024)
    );
    let _ = writeln!(lines, "sha256    {}", inspection.digest);
    let _ = writeln!(lines, "contract  {}", inspection.contract);
    let _ = writeln!(lines, "compiled  in {:.0} ms", inspection.compile_ms);
    lines.push_str("\nsettings\n");
    write_settings(&mut lines, &settings::rows(&inspection.schema));
    lines.push_str(if inspection.wants.is_empty() {
        "\nno setting is a grant\n"
    } else {
        "\nsettings that are grants\n"
    });
    for (pointer, kind) in &inspection.wants {
        let _ = writeln!(lines, "  {kind:5} {pointer}");
    }
    let interfaces: Vec<_> = GRANTED_INTERFACES
        .iter()
        .filter(|interface| interface.is_imported_by(inspection))
        .collect();
    if !interfaces.is_empty() {
        lines.push_str("\ncan use more grants, set by `allow`\n");
    }
    for interface in interfaces {
        let _ = writeln!(lines, "  {:8} {}", interface.key, interface.entries);
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

/// An interface of the host that needs a grant, and the key of `allow` for it.
struct GrantedInterface {
    /// The beginning of the name of the imported interface.
    import: &'static str,
    /// The key of `allow`.
    key: &'static str,
    /// Examples of entries.
    entries: &'static str,
}

impl GrantedInterface {
    fn is_imported_by(&self, inspection: &Inspection) -> bool {
        let mut imports = inspection.imports.iter();
        imports.any(|import| import.starts_with(self.import))
    }
}

/// The interfaces that need a grant. Sockets are left out, because every component for WASI imports them,
/// even if it does not use them.
const GRANTED_INTERFACES: [GrantedInterface; 4] = [
    GrantedInterface {
        import: "vitals:health/files@",
        key: "files",
        entries: "paths: \"/var/backups\"",
    },
    GrantedInterface {
        import: "vitals:health/system@",
        key: "system",
        entries: "\"disk:/srv\", \"memory\", \"load\"",
    },
    GrantedInterface {
        import: "vitals:health/tls@",
        key: "tls",
        entries: "addresses: \"mail.internal:465\"",
    },
    GrantedInterface {
        import: "wasi:http/outgoing-handler@",
        key: "http",
        entries: "origins: \"https://api.example.com\"",
    },
];
const WIDTH: usize = 94;
/// The width of the column of defaults. A longer default shifts only the rest of its own row.
const WIDEST_DEFAULT: usize = 16;
