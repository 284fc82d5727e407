//! The rules in the `PrometheusRule` are those of `deploy/monitoring/rules`, comments and all.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use vitals_tests::guests;

use super::{files, yaml};

const FILE: &str = "deploy/kubernetes/overlays/production/prometheusrule.yaml";
const HEAD: &str = "\
# The rules of deploy/monitoring/rules, made from them by
# `UPDATE_DOCS=1 cargo test --test all -- deploy::rules`. Where the operator wants a label to take rules
# (`ruleSelector`), add it by a patch.

apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: vitals
  labels:
    app.kubernetes.io/name: vitals
spec:
";

/// The document with all groups of the directory.
fn made_of(rules: &Path) -> String {
    let mut groups = String::new();
    for file in files(rules, "yml") {
        let text = fs::read_to_string(&file).expect("it can be read");
        let (_, own) = text.split_once("\ngroups:\n").expect("groups begin a line");
        for line in own.trim_end().lines() {
            let indent = if line.is_empty() { "" } else { "  " };
            writeln!(groups, "{indent}{line}").expect("a text takes all");
        }
    }
    let empty = if groups.is_empty() { " []" } else { "" };
    format!("{HEAD}  groups:{empty}\n{groups}")
}

#[test]
fn the_prometheus_rule_has_the_rules_that_prometheus_has() {
    let rules = guests::root().join("deploy/monitoring/rules");
    let file = guests::root().join(FILE);
    let current = made_of(&rules);
    if update() {
        fs::write(&file, &current).expect("it can be written");
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == current,
        "{FILE} is not current; write it anew with `UPDATE_DOCS=1 cargo test --test all -- \
         deploy::rules`"
    );
    let groups = |text: &str| yaml(text)[0]["groups"].as_array().cloned();
    let mut there = Vec::new();
    for file in files(&rules, "yml") {
        let text = fs::read_to_string(file).expect("it can be read");
        there.extend(groups(&text).expect("a list of groups"));
    }
    assert_eq!(
        yaml(&written)[0]["spec"]["groups"],
        serde_json::Value::from(there)
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "who changes the rules says so when the document is to be written anew"
)]
fn update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}
