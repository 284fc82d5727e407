//! `deploy/docker-compose.yml`: what compose makes of it.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use vitals_tests::guests;
use vitals_tests::servers::installed;

use super::{Tree, run, yaml};

/// What compose makes of the file.
fn config(directory: &Path, password: Option<&str>) -> Result<Value, String> {
    // What somebody's own `.env` says is not for here.
    let nothing = NamedTempFile::new().expect("an empty file");
    let mut command = installed("docker-compose", "docker-compose");
    command
        .current_dir(directory)
        .arg("--env-file")
        .arg(nothing.path())
        .args(["--file", "docker-compose.yml"])
        .args(["--profile", "full", "config"])
        .env_remove("GRAFANA_ADMIN_USER")
        .env_remove("GRAFANA_ADMIN_PASSWORD");
    if let Some(password) = password {
        command.env("GRAFANA_ADMIN_PASSWORD", password);
    }
    let said = run(&mut command, "");
    match said.status {
        Some(0) => Ok(yaml(&said.stdout).remove(0)),
        _ => Err(said.stderr),
    }
}

#[test]
fn there_is_no_grafana_without_a_password() {
    let directory = guests::root().join("deploy");
    for password in [None, Some("")] {
        let refused = config(&directory, password).expect_err("nobody set it");
        assert!(refused.contains("GRAFANA_ADMIN_PASSWORD"), "{refused}");
        assert!(refused.contains("set it"), "{refused}");
    }
    let made = config(&directory, Some("of-the-test")).expect("it is whole");
    let grafana = &made["services"]["grafana"]["environment"];
    assert_eq!(grafana["GF_SECURITY_ADMIN_USER"], "admin");
    assert_eq!(grafana["GF_SECURITY_ADMIN_PASSWORD"], "of-the-test");
}

#[test]
fn each_container_is_bounded_watched_pinned_and_on_this_machine_only() {
    let directory = guests::root().join("deploy");
    let made = config(&directory, Some("of-the-test")).expect("it is whole");
    let services = made["services"].as_object().expect("services");
    for (name, memory, port) in [
        ("prometheus", "256m", "127.0.0.1:9090:9090/tcp"),
        ("grafana", "192m", "127.0.0.1:3001:3000/tcp"),
        ("node-exporter", "64m", "127.0.0.1:9100:9100/tcp"),
        ("vitals", "6g", "127.0.0.1:8000:8000/tcp"),
    ] {
        let service = &services[name];
        assert_eq!(service["mem_limit"], memory, "{name}");
        assert_eq!(service["ports"], json!([port]), "{name}");
        let test = &service["healthcheck"]["test"];
        assert_eq!(test[0], "CMD", "{name}");
        let profiles = if name == "vitals" {
            Value::Null
        } else {
            json!(["full"])
        };
        assert_eq!(service["profiles"], profiles, "{name}");
        let image = service["image"].as_str().expect("an image");
        let (_, tag) = image.rsplit_once(':').expect("a tag");
        let numbers = tag.trim_start_matches('v').split('.');
        let numbers: Vec<_> = numbers.map(str::parse::<u32>).collect();
        let is_whole = numbers.len() == 3 && numbers.iter().all(Result::is_ok);
        assert!(is_whole, "{image} is not pinned");
        assert_eq!(
            service["security_opt"],
            json!(["no-new-privileges:true"]),
            "{name}"
        );
    }
    assert_eq!(services.len(), 4);
    let prometheus = services["prometheus"]["command"].to_string();
    assert!(
        prometheus.contains("--storage.tsdb.retention.time=15d"),
        "{prometheus}"
    );
}

#[test]
fn the_host_runs_read_only_without_privileges_and_what_is_mounted_is_there() {
    let directory = guests::root().join("deploy");
    let made = config(&directory, Some("of-the-test")).expect("it is whole");
    let vitals = &made["services"]["vitals"];
    assert_eq!(vitals["read_only"], true);
    assert_eq!(vitals["cap_drop"], json!(["ALL"]));
    assert_eq!(vitals["user"], "65532:65532");
    // The configuration of each reads its secrets where compose puts them.
    let secrets = |service: &str| {
        let secrets = made["services"][service]["secrets"].as_array();
        let names = secrets
            .into_iter()
            .flatten()
            .map(|secret| &secret["source"]);
        let names: Vec<_> = names.filter_map(Value::as_str).collect();
        names.join(" ")
    };
    assert_eq!(secrets("vitals"), "admin-token metrics-token");
    assert_eq!(secrets("prometheus"), "metrics-token");
    for name in ["admin-token", "metrics-token"] {
        let file = made["secrets"][name]["file"].as_str().expect("a file");
        assert_eq!(Path::new(file), directory.join("secrets").join(name));
    }
    let nobody_opens_the_socket = !made.to_string().contains("docker.sock");
    assert!(nobody_opens_the_socket && !made.to_string().contains("\"/var/run"));
    let volumes = vitals["volumes"].as_array().expect("volumes");
    let volumes: Vec<_> = volumes.iter().filter_map(Value::as_str).collect();
    assert!(
        volumes.contains(&"cache:/var/cache/vitals:rw"),
        "{volumes:?}"
    );
    let root = guests::root();
    for volume in volumes.iter().filter(|volume| volume.starts_with('/')) {
        let (source, _) = volume.split_once(':').expect("where to");
        let source = Path::new(source);
        assert!(source.starts_with(root) && source.is_dir(), "{volume}");
        assert!(volume.ends_with(":ro"), "{volume}");
    }
    let build = &vitals["build"];
    assert_eq!(build["context"].as_str().map(Path::new), Some(root));
    assert!(
        root.join(build["dockerfile"].as_str().expect("a file"))
            .exists()
    );
}

#[test]
fn what_is_broken_in_the_compose_file_is_refused() {
    for (from, to, said) in [
        ("mem_limit: 256m", "memory_limit: 256m", "'memory_limit'"),
        ("interval: 10s", "intervall: 10s", "intervall"),
        ("- cache:/var", "- cash:/var", "cash"),
        (
            "depends_on: [prometheus]",
            "depends_on: [prometeus]",
            "prometeus",
        ),
        ("127.0.0.1:9090:9090", "127.0.0.1:9090:port", "ports"),
        ("retries: 3", "retries: three", "healthcheck.retries"),
    ] {
        let tree = Tree::broken("docker-compose.yml", from, to);
        let refused = config(&tree.path(""), Some("of-the-test"));
        let refused = refused.map(drop).expect_err(to);
        assert!(refused.contains(said), "{to}: {refused}");
    }
}
