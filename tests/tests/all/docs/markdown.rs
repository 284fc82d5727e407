//! The little of Markdown that the documents are written in: sections, fenced code and tables. It must
//! not know what they say.

use std::fs;

use vitals_tests::guests;

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
        let path = guests::root().join(file);
        Self(
            fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display())),
        )
    }

    /// What stands between the heading `## <heading>` and the next one.
    pub(crate) fn section(&self, heading: &str) -> Self {
        let start = format!("\n## {heading}\n");
        let (_, rest) = self
            .0
            .split_once(&start)
            .unwrap_or_else(|| panic!("there is no heading `{heading}`"));
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
                // The line below the head rules it off.
                tables.push(rows.skip(1).map(cells).collect());
            }
        }
        tables
    }
}

/// The texts that stand between backticks.
pub(crate) fn ticked(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_start_matches('|');
    let row = row.strip_suffix('|').unwrap_or(row);
    row.split('|').map(|cell| cell.trim().to_owned()).collect()
}

#[test]
fn code_and_tables_are_found() {
    let part =
        Part("a\n```sh\none\ntwo\n```\n\n| a | b |\n|---|---|\n| `x`, `y` | |\n\n".to_owned());
    let code = part.code();
    assert_eq!(
        (code[0].language.as_str(), code[0].text.as_str()),
        ("sh", "one\ntwo\n")
    );
    assert_eq!(part.tables(), [[["`x`, `y`", ""]]]);
    assert_eq!(ticked("`x`, `y`"), ["x", "y"]);
}
