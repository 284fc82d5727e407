//! The generated parts of documents: where they are, and how tables are written. It must not know
//! what a plugin is.

use std::fs;

use vitals_host::workbench::settings::Row;
use vitals_tests::guests;

/// A document of the repository with generated parts.
pub(super) struct Document {
    file: String,
    text: String,
}

impl Document {
    pub(super) fn open(file: &str) -> Self {
        let text = fs::read_to_string(guests::root().join(file));
        Self {
            file: file.to_owned(),
            text: text.unwrap_or_else(|error| panic!("cannot read {file}: {error}")),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the first code block of this language.
    pub(super) fn code(&self, language: &str) -> &str {
        let fence = format!("\n```{language}\n");
        let block = self.text.split_once(&fence);
        let code = block.and_then(|(_, rest)| Some(rest.split_once("\n```")?.0));
        code.unwrap_or_else(|| panic!("{} has no code in {language}", self.file))
    }

    /// Returns an error if the part of this name is not `current`; with `UPDATE_DOCS=1` in the
    /// environment, writes it instead.
    pub(super) fn check_part(&self, part: &str, current: &str) -> Result<(), String> {
        let (begin, end) = (format!("<!-- generated: {part} -->\n"), "<!-- end -->");
        let pieces = self.text.split_once(&begin).and_then(|(before, rest)| {
            let (found, after) = rest.split_once(end)?;
            Some((before, found, after))
        });
        let Some((before, found, after)) = pieces else {
            return Err(format!("{} lacks the lines\n{begin}{end}", self.file));
        };
        if found == current {
            return Ok(());
        }
        if updates_documents() {
            let text = format!("{before}{begin}{current}{end}{after}");
            return fs::write(guests::root().join(&self.file), text)
                .map_err(|error| format!("cannot write {}: {error}", self.file));
        }
        Err(format!(
            "{} is not current: run `UPDATE_DOCS=1 cargo test --test all plugins`. Its part `{part}` must be\n{current}",
            self.file
        ))
    }
}

/// Formats settings as a table.
pub(super) fn settings(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "It has no settings.\n".to_owned();
    }
    let mut table = "| setting | type | default | |\n|---|---|---|---|\n".to_owned();
    for row in rows {
        let secret = if row.is_secret { ", secret" } else { "" };
        let default = match &row.default {
            Some(default) => format!("`{default}`"),
            None if row.is_needed => "needed".to_owned(),
            None => String::new(),
        };
        let grants = row.grants.as_ref().map(|kind| format!(" Grants `{kind}`."));
        table += &line(&[
            &format!("`{}`", row.key),
            &format!("{}{secret}", row.kind),
            &default,
            &format!("{}{}", row.description, grants.unwrap_or_default()),
        ]);
    }
    table
}

/// Formats a row of a table.
pub(super) fn line(cells: &[&str]) -> String {
    let mut line = "|".to_owned();
    for cell in cells {
        // Markdown splits cells before it looks for code.
        let cell = cell.trim().replace('|', "\\|");
        let space = if cell.is_empty() { "" } else { " " };
        line.extend([space, &cell, " |"]);
    }
    line + "\n"
}

#[expect(
    clippy::disallowed_methods,
    reason = "the developer who runs the tests decides whether they write documents"
)]
fn updates_documents() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1")
}

#[test]
fn a_row_has_key_type_default_and_description() {
    let row = Row {
        key: "url".to_owned(),
        kind: "`a`|`b`".to_owned(),
        default: None,
        is_needed: false,
        is_secret: true,
        grants: Some("http".to_owned()),
        description: "Where.".to_owned(),
    };
    assert_eq!(
        settings(&[row]).lines().last(),
        Some("| `url` | `a`\\|`b`, secret | | Where. Grants `http`. |")
    );
}

#[test]
fn a_missing_or_outdated_part_is_an_error() {
    let document = Document {
        file: "no/such/README.md".to_owned(),
        text: "a\n<!-- generated: settings -->\nold\n<!-- end -->\nb".to_owned(),
    };
    assert_eq!(document.check_part("settings", "old\n"), Ok(()));
    let error = document.check_part("settings", "new\n").unwrap_err();
    let says_how = error.contains("UPDATE_DOCS") || updates_documents();
    assert!(says_how, "{error}");
    let error = document.check_part("plugins", "").unwrap_err();
    let text = "no/such/README.md lacks the lines\n<!-- generated: plugins -->\n<!-- end -->";
    assert_eq!(error, text);
}
