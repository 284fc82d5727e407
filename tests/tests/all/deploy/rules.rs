//! The `PrometheusRule` contains the rules of `deploy/monitoring/rules`, with their comments.

use serde_json::Value;
use vitals_tests::{guests, repository};

use super::{files, yaml};
use crate::docs::assert_current;

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
  groups:
";

#[test]
fn the_prometheus_rule_has_the_rules_of_prometheus() {
    let mut document = HEAD.to_owned();
    let mut groups = Vec::new();
    for file in files(&guests::root().join("deploy/monitoring/rules"), "yml") {
        let text = repository::read(file);
        let (_, own) = text.split_once("\ngroups:\n").expect("groups begin a line");
        for line in own.trim_end().lines() {
            let indent = if line.is_empty() { "" } else { "  " };
            document.extend([indent, line, "\n"]);
        }
        groups.extend(
            yaml(&text)[0]["groups"]
                .as_array()
                .cloned()
                .expect("a list"),
        );
    }
    assert_current(FILE, &document);
    assert_eq!(yaml(&document)[0]["spec"]["groups"], Value::from(groups));
}
