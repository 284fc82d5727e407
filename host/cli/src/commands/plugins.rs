//! `vitals plugins`: lists the plugins of a running host.
//!
//! This file formats the response of `GET /plugins`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use vitals_host::check::Text;

use super::client::HostOptions;
use super::output::{Format, NO_RESPONSE, fail_with, print, wrap};

#[derive(Debug, Args)]
pub(crate) struct Plugins {
    #[command(flatten)]
    host: HostOptions,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The fields of `GET /plugins` that the table shows.
#[derive(Deserialize)]
struct Page {
    directory: Directory,
    plugins: Vec<Plugin>,
}

#[derive(Deserialize)]
struct Directory {
    path: String,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Plugin {
    name: String,
    state: String,
    version: Option<String>,
    generation: u64,
    digest: Option<String>,
    loaded_at: Option<Timestamp>,
    checks: Vec<Check>,
    last_error: Option<String>,
    needs: Option<String>,
}

#[derive(Deserialize)]
struct Check {
    name: String,
}

impl Plugins {
    pub(crate) async fn run(self, file: Option<PathBuf>) -> Result<ExitCode, ExitCode> {
        let list = self.list(file).await;
        print(&list.map_err(|error| fail_with(NO_RESPONSE, &error))?);
        Ok(ExitCode::SUCCESS)
    }

    async fn list(self, file: Option<PathBuf>) -> Result<String, String> {
        let client = self.host.client(file)?;
        let page = client
            .request(Method::GET, "plugins", &[], Some(TIMEOUT))
            .await?;
        if self.format == Format::Json {
            return Ok(format!("{page:#}"));
        }
        let page: Page = serde_json::from_value(page).map_err(|error| {
            format!(
                "cannot read the response of the host: {error}; use the `vitals` of the version that the \
                 host runs"
            )
        })?;
        Ok(page.text(Timestamp::now()))
    }
}

impl Page {
    fn text(&self, now: Timestamp) -> String {
        let mut text = String::new();
        if let Some(error) = &self.directory.error {
            let _ = writeln!(text, "{}; loaded plugins keep running\n", sanitize(error));
        }
        if self.plugins.is_empty() {
            text.push_str("the host has no plugins");
            if !self.directory.path.is_empty() {
                let _ = write!(
                    text,
                    "; copy a .wasm file into {}",
                    sanitize(&self.directory.path)
                );
            }
            return text;
        }
        let cells: Vec<_> = self.plugins.iter().map(|it| it.cells(now)).collect();
        let header = HEADER.map(str::to_owned);
        let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
            let cells = cells.iter().chain([&header]);
            let widths = cells.map(|row| row[column].chars().count());
            widths.max().unwrap_or_default()
        });
        text.push_str(&row(&header, &widths, "CHECKS"));
        for (plugin, cells) in self.plugins.iter().zip(&cells) {
            text.push_str(&row(cells, &widths, &plugin.check_names()));
            plugin.write_notes(&mut text);
        }
        text.truncate(text.trim_end().len());
        text
    }
}

impl Plugin {
    fn cells(&self, now: Timestamp) -> [String; COLUMNS] {
        let digest = self.digest.as_deref().unwrap_or(EMPTY);
        let version = self.version.as_deref().filter(|it| !it.is_empty());
        [
            sanitize(&self.name),
            sanitize(&self.state),
            sanitize(version.unwrap_or(EMPTY)),
            self.generation.to_string(),
            sanitize(digest).chars().take(12).collect(),
            self.loaded_at.map_or_else(
                || EMPTY.to_owned(),
                |at| age(now.duration_since(at).as_secs()),
            ),
        ]
    }

    fn check_names(&self) -> String {
        if self.checks.is_empty() {
            return EMPTY.to_owned();
        }
        let names: Vec<_> = self
            .checks
            .iter()
            .map(|check| sanitize(&check.name))
            .collect();
        names.join(", ")
    }

    fn write_notes(&self, text: &mut String) {
        for (what, note) in [("last error", &self.last_error), ("needs", &self.needs)] {
            let Some(note) = note else { continue };
            let note = format!("{what}: {}", sanitize(note));
            for (number, line) in wrap(&note, WIDTH - 4).into_iter().enumerate() {
                let indent = if number == 0 { 2 } else { 4 };
                let _ = writeln!(text, "{:indent$}{line}", "");
            }
        }
    }
}

/// Formats a row of the table. The last column is wrapped.
fn row(cells: &[String; COLUMNS], widths: &[usize; COLUMNS], last: &str) -> String {
    let mut text = String::new();
    for (cell, &width) in cells.iter().zip(widths) {
        let _ = write!(text, "{cell:width$}  ");
    }
    let indent = text.chars().count();
    let lines = wrap(last, WIDTH.saturating_sub(indent).max(MIN_WIDTH));
    text + &lines.join(&format!("\n{:indent$}", "")) + "\n"
}

/// Formats an age in at most two units.
fn age(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..60 => format!("{}s", seconds.max(0)),
        60..3600 => format!("{minutes}m"),
        3600..86_400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// Sanitizes a text of the response, because the server may be any server.
fn sanitize(text: &str) -> String {
    Text::line(text, MAX_TEXT_BYTES).into()
}

/// The number of columns before the checks.
const COLUMNS: usize = 6;
const HEADER: [&str; COLUMNS] = ["PLUGIN", "STATE", "VERSION", "GENERATION", "DIGEST", "AGE"];
/// The text of an empty cell.
const EMPTY: &str = "-";
const WIDTH: usize = 100;
const MIN_WIDTH: usize = 30;
const MAX_TEXT_BYTES: usize = 4096;
const TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn page(plugins: &Value, error: Option<&str>) -> String {
        let page = json!({
            "directory": { "path": "plugins", "readable": error.is_none(), "error": error },
            "plugins": plugins,
        });
        let page: Page = serde_json::from_value(page).unwrap();
        page.text("2026-01-27T10:30:00Z".parse().unwrap())
    }

    fn plugin(name: &str, state: &str, checks: &[&str]) -> Value {
        let checks: Vec<_> = checks.iter().map(|name| json!({ "name": name })).collect();
        json!({
            "name": name, "state": state, "version": null, "digest": null, "generation": 0,
            "loaded_at": null, "checks": checks, "last_error": null, "needs": null,
        })
    }

    #[test]
    fn the_table_is_aligned_and_wrapped() {
        let many: Vec<_> = (0..9).map(|number| format!("orders-{number}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let mut http = plugin("http", "loaded", &many);
        http["version"] = "1.2.0".into();
        http["digest"] = "5f".repeat(32).into();
        http["generation"] = 3.into();
        http["loaded_at"] = "2026-01-27T07:09:00Z".into();
        http["last_error"] = "it is 3 bytes long\nand \u{1b}[31mno component at all, because \
                              somebody copied only the beginning of it"
            .into();
        let mut idle = plugin("wants-config", "idle", &[]);
        idle["version"] = "".into();
        idle["needs"] = "a `config` with `name`".into();
        let text = page(&json!([http, idle]), None);
        assert_eq!(text, TABLE.trim_start_matches('\n').trim_end());
    }

    const TABLE: &str = r"
PLUGIN        STATE   VERSION  GENERATION  DIGEST        AGE     CHECKS
http          loaded  1.2.0    3           5f5f5f5f5f5f  3h 21m  orders-0, orders-1, orders-2,
                                                                 orders-3, orders-4, orders-5,
                                                                 orders-6, orders-7, orders-8
  last error: it is 3 bytes long and [31mno component at all, because somebody copied only the
    beginning of it
wants-config  idle    -        0           -             -       -
  needs: a `config` with `name`
";

    #[test]
    fn an_empty_list_says_what_to_do() {
        assert_eq!(
            page(&json!([]), None),
            "the host has no plugins; copy a .wasm file into plugins"
        );
        let error = Some("cannot read the plugins directory plugins: permission denied");
        assert_eq!(
            page(&json!([plugin("a", "loading", &["b"])]), error),
            "cannot read the plugins directory plugins: permission denied; loaded plugins keep \
             running\n\n\
             PLUGIN  STATE    VERSION  GENERATION  DIGEST  AGE  CHECKS\n\
             a       loading  -        0           -       -    b"
        );
    }

    #[test]
    fn an_age_has_at_most_two_units() {
        for (seconds, shown) in [
            (-5, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3_599, "59m"),
            (3_600, "1h 0m"),
            (86_399, "23h 59m"),
            (90_000, "1d 1h"),
        ] {
            assert_eq!(age(seconds), shown);
        }
    }
}
