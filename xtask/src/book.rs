//! `cargo xtask book`: builds the book from the pages in `docs`, with mdBook.
//!
//! The pages link to files of the repository, which a book does not have beside it. This module
//! therefore builds from a copy. It adds the pages outside of `docs` that the summary names, and
//! adapts the links. It must not know what the pages say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use regex_lite::{Captures, Regex};

use crate::command::{command, run};
use crate::install::cargo_tool;
use crate::step::note;
use crate::workspace;

/// Builds the book into `target/book/html`.
///
/// # Errors
///
/// mdBook cannot be installed or fails, a page is not in the summary, or a link leads nowhere.
pub(crate) fn build() -> Result<()> {
    let mdbook = cargo_tool(
        "mdbook",
        "0.5.4",
        &["--no-default-features", "--features", "search"],
    )?;
    let book = workspace::target().join("book");
    let source = book.join("source");
    if source.exists() {
        fs::remove_dir_all(&source)
            .with_context(|| format!("cannot remove {}", source.display()))?;
    }
    let pages = Pages::read(workspace::root())?;
    for (page, in_book) in &pages.0 {
        let text = read(&workspace::root().join(page))?;
        let text = pages.adapt(workspace::root(), page, &text)?;
        workspace::write_if_changed(&source.join(in_book), text.as_bytes())?;
    }
    let config = Path::new(DOCS).join("book.toml");
    workspace::copy_if_changed(&workspace::root().join(config), &source.join("book.toml"))?;
    let html = book.join("html");
    run(command(mdbook)
        .arg("build")
        .arg(&source)
        .arg("--dest-dir")
        .arg(&html))?;
    note(&format!("written to {}", html.join("index.html").display()));
    Ok(())
}

/// The pages of the book: paths in the repository, and the paths that they have in the book.
struct Pages(BTreeMap<PathBuf, PathBuf>);

impl Pages {
    /// Reads which pages the summary names.
    fn read(root: &Path) -> Result<Self> {
        let summary = Path::new(DOCS).join("SUMMARY.md");
        let text = read(&root.join(&summary))?;
        let mut pages = BTreeMap::new();
        for link in link().captures_iter(&text) {
            let page = normalized(&Path::new(DOCS).join(&link[2]));
            let in_book = in_book(&page);
            pages.insert(page, in_book);
        }
        pages.insert(summary, "SUMMARY.md".into());
        for page in workspace::files_with_extension(&root.join(DOCS), "md")? {
            let page = page.strip_prefix(root).expect("it is in the repository");
            ensure!(
                pages.contains_key(page),
                "docs/SUMMARY.md does not name {}: add it, so that the book contains it",
                page.display()
            );
        }
        Ok(Self(pages))
    }

    /// Adapts the links of a page: a link to another page leads there in the book, and a link to
    /// another file of the repository becomes its text.
    fn adapt(&self, root: &Path, page: &Path, text: &str) -> Result<String> {
        let directory = page.parent().expect("a page is in a directory");
        let depth = self.0[page].components().count() - 1;
        let mut is_code = false;
        let mut missing = None;
        let mut adapted = String::new();
        for line in text.split_inclusive('\n') {
            if line.trim_start().starts_with("```") {
                is_code = !is_code;
            }
            if is_code {
                adapted.push_str(line);
                continue;
            }
            adapted += &link().replace_all(line, |link: &Captures<'_>| {
                let (path, fragment) = link[2].split_at(link[2].find('#').unwrap_or(link[2].len()));
                if path.is_empty() || path.contains(':') {
                    return link[0].to_owned();
                }
                let target = normalized(&directory.join(path));
                if let Some(target) = self.0.get(&target) {
                    let up = "../".repeat(depth);
                    return format!("[{}]({up}{}{fragment})", &link[1], target.display());
                }
                if !root.join(&target).exists() {
                    missing.get_or_insert_with(|| link[0].to_owned());
                }
                link[1].to_owned()
            });
        }
        ensure!(
            missing.is_none(),
            "{} has the link {}, which leads to no file",
            page.display(),
            missing.unwrap_or_default()
        );
        Ok(adapted)
    }
}

/// The path of a page in the book: without `docs`, and with the name of its directory if it is a
/// README.
fn in_book(page: &Path) -> PathBuf {
    if let Ok(page) = page.strip_prefix(DOCS) {
        return page.to_owned();
    }
    match page.parent() {
        Some(directory) if page.ends_with("README.md") => directory.with_extension("md"),
        _ => page.to_owned(),
    }
}

/// A path without `.` and `..`.
fn normalized(path: &Path) -> PathBuf {
    let mut normalized = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(normalized.pop()),
            component => normalized.push(component),
        }
    }
    normalized
}

/// A link in Markdown: its text and its target.
fn link() -> Regex {
    Regex::new(r"\[([^\[\]]*)\]\(([^()\s]+)\)").expect("a valid expression")
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

const DOCS: &str = "docs";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_in_the_book_and_links_lead_to_pages_or_become_text() {
        let repository = tempfile::tempdir().unwrap();
        let root = repository.path();
        for (path, text) in [
            (
                "docs/SUMMARY.md",
                "- [A](a.md)\n- [S](../SECURITY.md)\n  - [P](../plugins/p/README.md)\n",
            ),
            ("docs/a.md", ""),
            ("SECURITY.md", ""),
            ("plugins/p/README.md", ""),
            ("deploy/unit", ""),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let pages = Pages::read(root).unwrap();
        for (page, text, expected) in [
            (
                "docs/a.md",
                "[s](../SECURITY.md#top) [x](https://a.b/c)",
                "[s](SECURITY.md#top) [x](https://a.b/c)",
            ),
            (
                "docs/a.md",
                "[`unit`](../deploy/unit) [here](#here)",
                "`unit` [here](#here)",
            ),
            (
                "docs/a.md",
                "```\n[x](y)\n```\n[p](../plugins/p/README.md)",
                "```\n[x](y)\n```\n[p](plugins/p.md)",
            ),
            ("SECURITY.md", "[a](docs/a.md)", "[a](a.md)"),
            (
                "plugins/p/README.md",
                "[a](../../docs/a.md#b)",
                "[a](../a.md#b)",
            ),
            (
                "docs/SUMMARY.md",
                "- [P](../plugins/p/README.md)",
                "- [P](plugins/p.md)",
            ),
        ] {
            let adapted = pages.adapt(root, Path::new(page), text).unwrap();
            assert_eq!(adapted, expected, "{page}: {text}");
        }
        let error = pages.adapt(root, Path::new("docs/a.md"), "[x](gone.md)");
        assert_eq!(
            error.unwrap_err().to_string(),
            "docs/a.md has the link [x](gone.md), which leads to no file"
        );
        fs::write(root.join("docs/b.md"), "").unwrap();
        let error = Pages::read(root).err().unwrap();
        assert_eq!(
            error.to_string(),
            "docs/SUMMARY.md does not name docs/b.md: add it, so that the book contains it"
        );
    }
}
