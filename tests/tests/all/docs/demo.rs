//! The demo: its configuration shows what its comments say, and the commands that `cargo xtask demo`
//! prints have the effects that it names.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;
use vitals_tests::servers::free_address;
use vitals_tests::{Vitals, eventually, guests, when};

use super::markdown::Part;

#[test]
fn the_demo_is_valid() {
    let ended = demo("validate", "127.0.0.1:8000", "127.0.0.1:8009").exits(0);
    for check in DEMO.iter().map(|(name, _)| name).chain(&["neighbour"]) {
        assert!(ended.stdout.contains(check), "{check}: {ended}");
    }
}

#[tokio::test]
async fn the_demo_shows_what_its_comments_say() {
    let neighbour = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = free_address().to_string();
    let there = neighbour.local_addr().unwrap().to_string();
    let serving = demo("serve", &here, &there).serve().await;
    let neighbour_is = async |status: &str| {
        eventually("every check is as its comment says", async || {
            let health = serving.get("/health").await?.json();
            let is_so = DEMO.iter().all(|(name, status)| is(&health, name, status))
                && is(&health, "neighbour", status)
                && health["status"] == "degraded"
                && serving.get("/health/ready").await?.status == 200;
            when(is_so, health)
        })
        .await
    };
    neighbour_is("healthy").await;
    drop(neighbour);
    let health = neighbour_is("unhealthy").await;

    let health = health.to_string().replace(&here, "127.0.0.1:8000");
    let health = health.replace(&there, "127.0.0.1:8009");
    let health = constant(&serde_json::from_str(&health).expect("JSON"));
    for page in ["README.md", "docs/getting-started.md"] {
        let code = Part::of(page).code();
        let shown = code.iter().find(|code| code.language == "json");
        let shown = shown.expect("the page shows the output of the demo");
        let shown: Value = serde_json::from_str(&shown.text).expect("JSON");
        let shown = constant(&shown);
        assert_eq!(shown["status"], health["status"], "{page}");
        for check in shown["checks"].as_array().expect("checks") {
            let all = health["checks"].as_array().expect("checks");
            assert!(
                all.contains(check),
                "{page}: {check:#} is not in {health:#}"
            );
        }
    }
}

/// A page of the host without times, which vary.
fn constant(page: &Value) -> Value {
    match page {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| {
                let is_time = key.ends_with("_ms") || key.ends_with("_at");
                let inner = || constant(value);
                (key.clone(), (!is_time).then(inner).unwrap_or_default())
            });
            Value::Object(fields.collect())
        }
        Value::Array(items) => items.iter().map(constant).collect(),
        value => value.clone(),
    }
}

#[tokio::test]
async fn the_commands_of_the_demo_have_the_promised_effects() {
    let here = free_address().to_string();
    let serving = demo("serve", &here, &free_address().to_string())
        .serve()
        .await;
    let announced = Part::of("xtask/src/demo.rs");
    let lines = announced.text().lines().map(str::trim);
    let is_command = |line: &&str| {
        let mut verbs = ["rm ", "cp ", "echo "].iter();
        line.contains("target/demo/plugins/") && verbs.any(|verb| line.starts_with(verb))
    };
    let commands = lines.filter(is_command);
    let commands = commands.map(|line| line.split("   ").next().unwrap_or_default());
    let commands: Vec<_> = commands.collect();
    let [remove, add_broken, remove_broken, add_new] = commands.as_slice() else {
        panic!("four commands: {commands:#?}");
    };
    let execute = |line: &str| {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", line]);
        let ended = shell.current_dir(serving.place().path()).status();
        assert!(ended.is_ok_and(|ended| ended.success()), "`{line}`");
    };
    let becomes = async |path: &str, what: &str, is_so: &dyn Fn(&Value) -> bool| {
        eventually(what, async || {
            let page = serving.get(path).await?.json();
            when(is_so(&page), page)
        })
        .await;
    };
    let others_run =
        |health: &Value| is(health, "host-http", "healthy") && is(health, "host-tcp", "healthy");

    becomes("/health", "hello runs", &|health| {
        is(health, "module:hello", "healthy") && others_run(health)
    })
    .await;
    execute(remove);
    becomes("/health", "hello is gone", &|health| {
        !health.to_string().contains("module:hello")
    })
    .await;
    execute(add_broken);
    becomes("/health", "only the broken one fails", &|health| {
        is(health, "module:broken", "unhealthy") && others_run(health)
    })
    .await;
    execute(remove_broken);
    becomes("/health", "the broken one is gone", &|health| {
        !health.to_string().contains("broken") && others_run(health)
    })
    .await;
    execute(add_new);
    becomes("/plugins", "the new one waits for settings", &|page| {
        let plugins = page["plugins"].as_array().expect("a list of plugins");
        let new = plugins.iter().find(|plugin| plugin["name"] == "new");
        new.is_some_and(|new| new.to_string().contains("idle"))
    })
    .await;
}

/// The binary with the configuration and the files of `cargo xtask demo`, and other addresses for the
/// host and its neighbour.
fn demo(verb: &str, host: &str, neighbour: &str) -> Vitals {
    let file = "examples/demo/vitals.toml";
    let vitals = Vitals::new([verb, "--config", file]);
    let place = vitals.place();
    for directory in ["examples/demo", "target/demo/plugins", "target/plugins"] {
        fs::create_dir_all(place.path().join(directory)).expect("a directory of its own");
    }
    let config = Part::of(file);
    for address in ["127.0.0.1:8000", "127.0.0.1:8009"] {
        assert!(config.text().contains(address), "{address}");
    }
    let config = config.text().replace("127.0.0.1:8000", host);
    place.write(file, config.replace("127.0.0.1:8009", neighbour));
    place.write("target/demo/plugins/hello.wasm", guests::HELLO.bytes());
    place.write("target/plugins/http.wasm", guests::HTTP.bytes());
    place.write("target/plugins/tcp.wasm", guests::TCP.bytes());
    vitals
}

/// The checks of the demo except `neighbour`, with their statuses.
const DEMO: [(&str, &str); 4] = [
    ("host-http", "healthy"),
    ("host-tcp", "healthy"),
    ("host-too-slow", "degraded"),
    ("module:hello", "healthy"),
];

fn is(health: &Value, name: &str, status: &str) -> bool {
    let checks = health["checks"].as_array().expect("checks");
    checks
        .iter()
        .any(|check| check["name"] == name && check["status"] == status)
}
