//! `vitals inspect`: what a plugin file is.

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
use super::wrapped::wrapped;

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
    lines.push_str("\nsettings\n");
    write_settings(&mut lines, &settings::rows(&found.schema));
    lines.push_str(if found.wants.is_empty() {
        "\nwants nothing granted by its settings\n"
    } else {
        "\nwants granted, where its configuration says so\n"
    });
    for (pointer, kind) in &found.wants {
        let _ = writeln!(lines, "  {kind:5} {pointer}");
    }
    let asks: Vec<_> = ASKS.iter().filter(|ask| ask.is_made_by(found)).collect();
    if !asks.is_empty() {
        lines.push_str("\ncan ask for more, which `allow` grants\n");
    }
    for ask in asks {
        let _ = writeln!(lines, "  {:8} {}", ask.key, ask.entries);
    }
    lines.push_str("\nimports\n");
    for import in &found.imports {
        let _ = writeln!(lines, "  {import}");
    }
    lines.truncate(lines.trim_end().len());
    lines
}

/// Key, default and kind of each setting in columns, what it is for below.
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
        for line in wrapped(&description, WIDTH)
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
        None if row.is_needed => "needed",
        None => "-",
    }
}

/// Something that a plugin asks the host for, and what an operator writes so that it is answered.
struct Ask {
    /// What the name of the imported interface begins with.
    import: &'static str,
    /// The key of `allow`.
    key: &'static str,
    entries: &'static str,
}

impl Ask {
    fn is_made_by(&self, found: &Inspection) -> bool {
        let mut imports = found.imports.iter();
        imports.any(|import| import.starts_with(self.import))
    }
}

/// Of sockets nothing is said: what is made for WASI imports them, whether it uses them or not.
const ASKS: [Ask; 4] = [
    Ask {
        import: "vitals:health/files@",
        key: "files",
        entries: "paths: \"/var/backups\"",
    },
    Ask {
        import: "vitals:health/system@",
        key: "system",
        entries: "\"disk:/srv\", \"memory\", \"load\"",
    },
    Ask {
        import: "vitals:health/tls@",
        key: "tls",
        entries: "addresses: \"mail.internal:465\"",
    },
    Ask {
        import: "wasi:http/outgoing-handler@",
        key: "http",
        entries: "origins: \"https://api.example.com\"",
    },
];
const WIDTH: usize = 94;
/// A longer default pushes what follows it aside in its own row alone.
const WIDEST_DEFAULT: usize = 16;
