//! A place with a granted directory and another, and a guest that asks for files in them.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use tempfile::TempDir;
use vitals_tests::{TestHost, guests};

/// A directory with a granted one, `in`, and another, `out`.
pub(super) struct Ground(TempDir);

impl Ground {
    pub(super) fn new() -> Self {
        let ground = Self(TempDir::with_prefix("vitals-files-").expect("a directory"));
        for directory in ["in/below", "in2", "out"] {
            fs::create_dir_all(ground.path(directory)).expect("a directory");
        }
        for (file, text) in [
            ("in/file", "inside"),
            ("in/below/deep", "deep inside"),
            ("in2/file", "beside"),
            ("out/secret", "outside"),
        ] {
            fs::write(ground.path(file), text).expect("a file");
        }
        ground
    }

    pub(super) fn path(&self, below: &str) -> String {
        self.0.path().join(below).display().to_string()
    }

    pub(super) fn link(&self, target: &str, link: &str) {
        symlink(target, self.path(link)).expect("a symlink");
    }

    /// A text without where this is.
    pub(super) fn tidy(&self, text: &str) -> String {
        vitals_tests::tidy(self.0.path(), text)
    }
}

/// Runs a check with grants for `files` that asks for each path by a call.
pub(super) async fn ask(files: &[&str], asks: &[(&str, &str)]) -> Value {
    let asks: Vec<_> = asks
        .iter()
        .map(|(call, path)| json!({ "call": call, "path": path }))
        .collect();
    run(&files_allowed(files), &asks, "10s").await
}

pub(super) fn files_allowed(files: &[&str]) -> String {
    format!("allow = {{ files = {} }}", json!(files))
}

/// A host whose check asks, with this timeout.
pub(super) async fn start(allow: &str, asks: &[Value], timeout: &str) -> TestHost {
    // But for the colons, TOML writes tables and texts as JSON does.
    let asks = json!(asks).to_string().replace("\":", "\" = ");
    TestHost::builder()
        .library("guest", guests::FILES_READ)
        .config(&format!(
            "[checks.orders]\nplugin = 'guest'\ntimeout = '{timeout}'\n{allow}\n\
             config = {{ asks = {asks} }}"
        ))
        .start()
        .await
}

pub(super) async fn run(allow: &str, asks: &[Value], timeout: &str) -> Value {
    start(allow, asks, timeout).await.check("orders").await
}

/// What the guest got, one line each.
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

pub(super) fn refusals(check: &Value) -> Vec<String> {
    let refusals = check["result"]["denials"].as_array().expect("denials");
    refusals
        .iter()
        .filter_map(|refusal| refusal["message"].as_str().map(str::to_owned))
        .collect()
}
