//! A granted directory and another one, and a guest that reads files in them.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use tempfile::TempDir;
use vitals_tests::TestHost;
use vitals_tests::guests::FILES_READ;

/// A directory with a granted one, `in`, and another, `out`.
pub(super) struct Tree(TempDir);

impl Tree {
    pub(super) fn new() -> Self {
        let tree = Self(TempDir::with_prefix("vitals-files-").expect("a directory"));
        for directory in ["in/below", "in2", "out"] {
            fs::create_dir_all(tree.path(directory)).expect("a directory");
        }
        for (file, text) in [
            ("in/file", "inside"),
            ("in/below/deep", "deep inside"),
            ("in2/file", "beside"),
            ("out/secret", "outside"),
        ] {
            fs::write(tree.path(file), text).expect("a file");
        }
        tree
    }

    pub(super) fn path(&self, below: &str) -> String {
        self.0.path().join(below).display().to_string()
    }

    pub(super) fn link(&self, target: &str, link: &str) {
        symlink(target, self.path(link)).expect("a symlink");
    }

    /// Replaces the path of this in a text.
    pub(super) fn tidy(&self, text: &str) -> String {
        vitals_tests::tidy(self.0.path(), text)
    }
}

/// Runs a check with grants for `files` that makes each call with its path.
pub(super) async fn ask(files: &[&str], asks: &[(&str, impl AsRef<str>)]) -> Value {
    let asks = asks.iter();
    let asks = asks.map(|(call, path)| json!({ "call": call, "path": path.as_ref() }));
    let asks: Vec<_> = asks.collect();
    run(&files_allowed(files), &asks, "10s").await
}

pub(super) fn files_allowed(files: &[&str]) -> String {
    format!("allow = {{ files = {} }}", json!(files))
}

/// A host whose check makes these calls, with this timeout.
pub(super) async fn start(lines: &str, asks: &[Value], timeout: &str) -> TestHost {
    // Except for the colons, TOML writes tables and texts as JSON does.
    let asks = json!(asks).to_string().replace("\":", "\" = ");
    let config = format!(
        "[checks.orders]\nplugin = 'files-read'\ntimeout = '{timeout}'\n{lines}\n\
         config = {{ asks = {asks} }}"
    );
    TestHost::start(&config, [FILES_READ]).await
}

pub(super) async fn run(allow: &str, asks: &[Value], timeout: &str) -> Value {
    start(allow, asks, timeout).await.check("orders").await
}

/// The results of the calls, a line each.
pub(super) fn answers(check: &Value) -> Vec<String> {
    let answers = check["details"]["answers"].as_array();
    let answers = answers.unwrap_or_else(|| panic!("{check:#}"));
    answers
        .iter()
        .map(|answer| match answer["error"].as_str() {
            Some(error) => format!("{error}: {}", answer["text"].as_str().unwrap_or_default()),
            None => match answer["text"].as_str() {
                Some(text) => text.to_owned(),
                None => answer.to_string(),
            },
        })
        .collect()
}

pub(super) fn denials(check: &Value) -> Vec<String> {
    let denials = check["result"]["denials"].as_array().expect("denials");
    let messages = denials.iter().filter_map(|it| it["message"].as_str());
    messages.map(str::to_owned).collect()
}
