//! The parts of the documents that are made from the plugins: where they stand, and how their tables are
//! written. It must not know what a plugin is.

use std::fs;

use vitals_host::workbench::settings::Row;
use vitals_tests::guests;

/// A document of the repository with parts that are made.
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

    /// The first code in it of this language.
    pub(super) fn code(&self, language: &str) -> &str {
        let fence = format!("\n```{language}\n");
        let code = self
            .text
            .split_once(&fence)
            .and_then(|(_, rest)| rest.split_once("\n```"));
        code.unwrap_or_else(|| panic!("{} has no code in {language}", self.file))
            .0
    }

    /// Complains where the part of this name is another one than `current`; writes it, where the
    /// environment says `UPDATE_DOCS=1`.
    pub(super) fn holds(&self, part: &str, current: &str) -> Result<(), String> {
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
        if is_to_be_updated() {
            let text = format!("{before}{begin}{current}{end}{after}");
            return fs::write(guests::root().join(&self.file), text)
                .map_err(|error| format!("cannot write {}: {error}", self.file));
        }
        Err(format!(
            "{} is not current: run `UPDATE_DOCS=1 cargo test --test all plugins`. Its part `{part}` has to be\n\
             {current}",
            self.file
        ))
    }
}

/// Settings as a table.
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

/// A row of a table.
pub(super) fn line(cells: &[&str]) -> String {
    let mut line = "|".to_owned();
    for cell in cells {
        // Also in code, where a table is looked for first.
        let cell = cell.trim().replace('|', "\\|");
        let space = if cell.is_empty() { "" } else { " " };
        line.extend([space, &cell, " |"]);
    }
    line + "\n"
}

#[expect(
    clippy::disallowed_methods,
    reason = "who changes a plugin says so that its documents are to be written"
)]
fn is_to_be_updated() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1")
}

#[test]
fn rows_are_written_as_the_documents_have_them() {
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
fn a_part_that_is_missing_or_old_is_a_complaint() {
    let document = Document {
        file: "no/such/README.md".to_owned(),
        text: "a\n<!-- generated: settings -->\nold\n<!-- end -->\nb".to_owned(),
    };
    assert_eq!(document.holds("settings", "old\n"), Ok(()));
    let complaint = document.holds("settings", "new\n").unwrap_err();
    assert!(
        complaint.contains("UPDATE_DOCS") || is_to_be_updated(),
        "{complaint}"
    );
    let complaint = document.holds("plugins", "").unwrap_err();
    assert!(
        complaint.starts_with("no/such/README.md lacks the lines\n<!-- generated: plugins -->")
    );
}
