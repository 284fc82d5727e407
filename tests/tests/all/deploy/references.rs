//! References in a manifest to its other parts and to the host: ports, volumes, labels, pages, variables.
//! No schema checks these.

use std::collections::BTreeSet;

use serde_json::Value;
use vitals_host::config::{Config, VARIABLES};
use vitals_tests::TestHost;

/// The one document of a kind.
pub(super) fn of_kind<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let mut found = documents.iter().filter(|document| document["kind"] == kind);
    let one = found.next();
    one.unwrap_or_else(|| panic!("there is no {kind}"))
}

/// The container of the host.
pub(super) fn container(documents: &[Value]) -> &Value {
    &of_kind(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]
}

/// The configuration of the host.
pub(super) fn settings(documents: &[Value]) -> String {
    let text = of_kind(documents, "ConfigMap")["data"]["vitals.toml"].as_str();
    text.unwrap_or_default().to_owned()
}

/// The references that lead nowhere.
pub(super) async fn misfits(documents: &[Value]) -> Vec<String> {
    let mut misfits = ports(documents);
    misfits.extend(selectors(documents));
    misfits.extend(volumes(documents));
    misfits.extend(pages(documents).await);
    misfits.extend(variables(documents));
    misfits.extend(tokens(documents));
    misfits
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn names(value: &Value) -> BTreeSet<&str> {
    list(value).filter_map(|one| one["name"].as_str()).collect()
}

fn ports(documents: &[Value]) -> Vec<String> {
    let vitals = container(documents);
    let known = names(&vitals["ports"]);
    let service = &of_kind(documents, "Service")["spec"]["ports"];
    let probes = ["startupProbe", "livenessProbe", "readinessProbe"];
    let mut asked: Vec<_> = probes
        .iter()
        .map(|probe| &vitals[*probe]["httpGet"]["port"])
        .chain(list(service).map(|port| &port["targetPort"]))
        .collect();
    for policy in documents.iter().filter(|it| it["kind"] == "NetworkPolicy") {
        let rules = list(&policy["spec"]["ingress"]);
        asked.extend(
            rules
                .flat_map(|rule| list(&rule["ports"]))
                .map(|port| &port["port"]),
        );
    }
    let missing = asked.into_iter().filter_map(Value::as_str);
    let missing = missing.filter(|port| !known.contains(port));
    let mut misfits: Vec<_> = missing
        .map(|port| format!("no container has a port `{port}`"))
        .collect();
    let known = names(service);
    for monitor in documents.iter().filter(|it| it["kind"] == "ServiceMonitor") {
        let asked = list(&monitor["spec"]["endpoints"]).filter_map(|it| it["port"].as_str());
        let missing = asked.filter(|port| !known.contains(port));
        misfits.extend(missing.map(|port| format!("no Service has a port `{port}`")));
    }
    misfits
}

fn selectors(documents: &[Value]) -> Vec<String> {
    let deployment = &of_kind(documents, "Deployment")["spec"];
    let pod = &deployment["template"]["metadata"]["labels"];
    let service = of_kind(documents, "Service");
    let mut asked = vec![
        ("Service", &service["spec"]["selector"], pod),
        ("Deployment", &deployment["selector"]["matchLabels"], pod),
    ];
    for document in documents {
        let spec = &document["spec"];
        match document["kind"].as_str() {
            Some("PodDisruptionBudget") => {
                asked.push(("PodDisruptionBudget", &spec["selector"]["matchLabels"], pod));
            }
            Some("NetworkPolicy") => {
                asked.push(("NetworkPolicy", &spec["podSelector"]["matchLabels"], pod));
            }
            Some("ServiceMonitor") => {
                let labels = &service["metadata"]["labels"];
                asked.push(("ServiceMonitor", &spec["selector"]["matchLabels"], labels));
            }
            _ => {}
        }
    }
    let selects = |selector: &Value, labels: &Value| {
        let wanted = selector.as_object().filter(|wanted| !wanted.is_empty());
        wanted.is_some_and(|wanted| wanted.iter().all(|(key, value)| labels[key] == *value))
    };
    let missed = asked
        .into_iter()
        .filter(|(_, selector, labels)| !selects(selector, labels));
    missed
        .map(|(kind, selector, _)| format!("{kind} selects nothing: {selector}"))
        .collect()
}

fn volumes(documents: &[Value]) -> Vec<String> {
    let pod = &of_kind(documents, "Deployment")["spec"]["template"]["spec"];
    let known = names(&pod["volumes"]);
    let containers = list(&pod["containers"]).chain(list(&pod["initContainers"]));
    let mounted = containers.flat_map(|container| list(&container["volumeMounts"]));
    let missing = mounted.filter_map(|mount| mount["name"].as_str());
    let missing = missing.filter(|name| !known.contains(name));
    let mut misfits: Vec<_> = missing
        .map(|name| format!("there is no volume `{name}`"))
        .collect();
    let config = &of_kind(documents, "ConfigMap")["metadata"]["name"];
    for volume in list(&pod["volumes"]).filter(|volume| volume["configMap"].is_object()) {
        if volume["configMap"]["name"] != *config {
            misfits.push(format!(
                "there is no ConfigMap {}",
                volume["configMap"]["name"]
            ));
        }
    }
    // The volumes are where the host reads.
    let mounts = |name: &str| {
        let mut mounts = list(&container(documents)["volumeMounts"]);
        let mount = mounts.find(|mount| mount["name"] == name);
        mount.map_or("", |mount| mount["mountPath"].as_str().unwrap_or_default())
    };
    let Ok(settings) = settings(documents).parse::<Config>() else {
        return misfits;
    };
    if settings.plugins.dir.to_str() != Some(mounts("plugins")) {
        misfits.push(format!(
            "no plugins are in {}",
            settings.plugins.dir.display()
        ));
    }
    let file = list(&container(documents)["env"]).find(|it| it["name"] == "VITALS_CONFIG");
    let file = file.and_then(|file| file["value"].as_str());
    if file != Some(&format!("{}/vitals.toml", mounts("config"))) {
        misfits.push(format!("there is no configuration at {file:?}"));
    }
    misfits
}

async fn pages(documents: &[Value]) -> Vec<String> {
    let config = "[metrics]\nenabled = true";
    let host = TestHost::builder().config(config).start().await;
    let vitals = container(documents);
    let probes = ["startupProbe", "livenessProbe", "readinessProbe"];
    let probes = probes
        .iter()
        .map(|probe| &vitals[*probe]["httpGet"]["path"]);
    let monitors = documents.iter().filter(|it| it["kind"] == "ServiceMonitor");
    let scraped = monitors.flat_map(|it| list(&it["spec"]["endpoints"]).map(|it| &it["path"]));
    let mut misfits = Vec::new();
    for path in probes.chain(scraped) {
        let path = path.as_str().unwrap_or_default();
        if host.get(path).await.status == 404 {
            misfits.push(format!("the host has no page {path}"));
        }
    }
    misfits
}

fn variables(documents: &[Value]) -> Vec<String> {
    let set = names(&container(documents)["env"]);
    let known = |name: &str| VARIABLES.iter().any(|variable| variable.name == name);
    let unknown = set.into_iter().filter(|name| !known(name));
    unknown
        .map(|name| format!("the host reads no variable {name}"))
        .collect()
}

/// The monitor sends the token that the host has.
fn tokens(documents: &[Value]) -> Vec<String> {
    let mut given = list(&container(documents)["env"]);
    let given = given.find(|it| it["name"] == "VITALS_METRICS_TOKEN");
    let given = given.map(|it| &it["valueFrom"]["secretKeyRef"]);
    let Some(given) = given else {
        return vec!["the host is given no token for its metrics".into()];
    };
    let monitors = documents.iter().filter(|it| it["kind"] == "ServiceMonitor");
    let endpoints = monitors.flat_map(|it| list(&it["spec"]["endpoints"]));
    let shown = endpoints.map(|it| &it["authorization"]["credentials"]);
    let other = shown.filter(|it| it["name"] != given["name"] || it["key"] != given["key"]);
    other
        .map(|it| format!("the host does not take the token {it}"))
        .collect()
}
