//! `deploy/docker-compose.yml` as compose reads it.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use vitals_tests::guests;
use vitals_tests::servers::installed;

use super::{run, yaml};

/// The configuration that compose prints.
fn config(password: Option<&str>) -> Result<Value, String> {
    // In place of a local `.env`.
    let nothing = NamedTempFile::new().expect("an empty file");
    let mut command = installed("docker-compose", "docker-compose");
    command
        .current_dir(guests::root().join("deploy"))
        .arg("--env-file")
        .arg(nothing.path())
        .args(["--file", "docker-compose.yml"])
        .args(["--profile", "full", "config"])
        .env_remove("GRAFANA_ADMIN_USER")
        .env_remove("GRAFANA_ADMIN_PASSWORD");
    if let Some(password) = password {
        command.env("GRAFANA_ADMIN_PASSWORD", password);
    }
    let ended = run(&mut command, "");
    match ended.status {
        Some(0) => Ok(yaml(&ended.stdout).remove(0)),
        _ => Err(ended.stderr),
    }
}

#[test]
fn grafana_does_not_start_without_a_password() {
    for password in [None, Some("")] {
        let error = config(password).expect_err("nobody set it");
        assert!(error.contains("GRAFANA_ADMIN_PASSWORD"), "{error}");
        assert!(error.contains("set it"), "{error}");
    }
    let made = config(Some("of-the-test")).expect("it is valid");
    let grafana = &made["services"]["grafana"]["environment"];
    assert_eq!(grafana["GF_SECURITY_ADMIN_USER"], "admin");
    assert_eq!(grafana["GF_SECURITY_ADMIN_PASSWORD"], "of-the-test");
}

#[test]
fn each_container_has_limits_a_health_check_a_pinned_image_and_a_local_port() {
    let made = config(Some("of-the-test")).expect("it is valid");
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
fn the_host_runs_read_only_without_privileges_and_its_volumes_exist() {
    let made = config(Some("of-the-test")).expect("it is valid");
    let root = guests::root();
    let vitals = &made["services"]["vitals"];
    assert_eq!(vitals["read_only"], true);
    assert_eq!(vitals["cap_drop"], json!(["ALL"]));
    assert_eq!(vitals["user"], "65532:65532");
    // Each service reads the secrets where compose puts them.
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
        assert_eq!(Path::new(file), root.join("deploy/secrets").join(name));
    }
    for socket in ["docker.sock", "\"/var/run"] {
        assert!(!made.to_string().contains(socket), "{socket}");
    }
    let volumes = vitals["volumes"].as_array().expect("volumes");
    let volumes: Vec<_> = volumes.iter().filter_map(Value::as_str).collect();
    assert!(
        volumes.contains(&"cache:/var/cache/vitals:rw"),
        "{volumes:?}"
    );
    for volume in volumes.iter().filter(|volume| volume.starts_with('/')) {
        let (source, _) = volume.split_once(':').expect("where to");
        let source = Path::new(source);
        assert!(source.starts_with(root) && source.is_dir(), "{volume}");
        assert!(volume.ends_with(":ro"), "{volume}");
    }
    let build = &vitals["build"];
    assert_eq!(build["context"].as_str().map(Path::new), Some(root));
    let dockerfile = build["dockerfile"].as_str().expect("a file");
    assert!(root.join(dockerfile).exists());
}
