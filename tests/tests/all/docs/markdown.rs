//! The parts of Markdown that the documents use: sections, fenced code and tables. It must not know
//! their contents.

use vitals_tests::repository;

/// A part of a document.
#[derive(Clone, Debug)]
pub(crate) struct Part(String);

/// Fenced code: its language and its lines.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) language: String,
    pub(crate) text: String,
}

/// The rows of a table without its head, as the texts of their cells.
pub(crate) type Table = Vec<Vec<String>>;

impl Part {
    /// A whole document of the repository.
    pub(crate) fn of(file: &str) -> Self {
        Self(repository::read(file))
    }

    /// The text between the heading `## <heading>` and the next one.
    pub(crate) fn section(&self, heading: &str) -> Self {
        let found = self.0.split_once(&format!("\n## {heading}\n"));
        let (_, rest) = found.unwrap_or_else(|| panic!("there is no heading `{heading}`"));
        Self(rest.split("\n## ").next().unwrap_or_default().to_owned())
    }

    /// Its text.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The code in it, in order.
    pub(crate) fn code(&self) -> Vec<Code> {
        let fences = self.0.split("\n```").skip(1).step_by(2);
        let code = fences.map(|fence| {
            let (language, text) = fence.split_once('\n').unwrap_or_default();
            Code {
                language: language.to_owned(),
                text: format!("{text}\n"),
            }
        });
        code.collect()
    }

    /// The tables in it, in order.
    pub(crate) fn tables(&self) -> Vec<Table> {
        let mut tables = Vec::new();
        let mut lines = self.0.lines();
        while let Some(line) = lines.next() {
            if line.starts_with('|') {
                let rows = lines.by_ref().take_while(|line| line.starts_with('|'));
                // The first line below the head is a rule.
                tables.push(rows.skip(1).map(cells).collect());
            }
        }
        tables
    }
}

/// The texts between backticks.
pub(crate) fn ticked(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_start_matches('|');
    let row = row.strip_suffix('|').unwrap_or(row);
    row.split('|').map(|cell| cell.trim().to_owned()).collect()
}
