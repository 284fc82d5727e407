//! The demo: its configuration shows what its comments say, and what `cargo xtask demo` says to try
//! does what it says.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;
use vitals_tests::servers::free_address;
use vitals_tests::{Serving, Vitals, eventually, guests};

use super::markdown::Part;

#[test]
fn the_demo_has_nothing_to_complain_of() {
    let ended = demo("validate", "127.0.0.1:8000", "127.0.0.1:8009").run();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    for check in DEMO.iter().map(|(name, _)| name).chain(&["neighbour"]) {
        assert!(ended.stdout.contains(check), "{check}: {ended:?}");
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
            let so = DEMO.iter().all(|(name, status)| is(&health, name, status))
                && is(&health, "neighbour", status)
                && health["status"] == "degraded";
            if so {
                Ok(())
            } else {
                Err(format!("{health:#}"))
            }
        })
        .await;
    };
    neighbour_is("healthy").await;
    assert_eq!(status(&serving, "/health/ready").await, 200);
    drop(neighbour);
    neighbour_is("unhealthy").await;
    assert_eq!(status(&serving, "/health/ready").await, 200);

    let health = serving.get("/health").await.expect("a response").json();
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
            let is_real = health["checks"]
                .as_array()
                .is_some_and(|all| all.contains(check));
            assert!(is_real, "{page}: {check:#} is not in {health:#}");
        }
    }
}

/// A page of the host without times, which differ from run to run.
fn constant(page: &Value) -> Value {
    match page {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| {
                let is_time = key.ends_with("_ms") || key.ends_with("_at");
                let value = if is_time {
                    Value::Null
                } else {
                    constant(value)
                };
                (key.clone(), value)
            });
            Value::Object(fields.collect())
        }
        Value::Array(items) => items.iter().map(constant).collect(),
        value => value.clone(),
    }
}

#[tokio::test]
async fn what_the_demo_says_to_try_does_what_it_says() {
    let here = free_address().to_string();
    let serving = demo("serve", &here, &free_address().to_string())
        .serve()
        .await;
    let announced = Part::of("xtask/src/demo.rs");
    let lines = announced.text().lines().map(str::trim);
    let commands = lines.filter(|line| line.contains("target/demo/plugins/"));
    let commands: Vec<_> = commands
        .filter(|line| {
            ["rm ", "cp ", "echo "]
                .iter()
                .any(|verb| line.starts_with(verb))
        })
        .map(|line| line.split("   ").next().unwrap_or_default())
        .collect();
    let [take_out, break_in, mend, bring] = commands.as_slice() else {
        panic!("four commands: {commands:#?}");
    };
    let type_in = |line: &str| {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", line]);
        let ended = shell.current_dir(serving.place().path()).status();
        assert!(ended.is_ok_and(|ended| ended.success()), "`{line}`");
    };
    let becomes = async |path: &str, what: &str, so: &dyn Fn(&Value) -> bool| {
        eventually(what, async || {
            let page = serving.get(path).await?.json();
            if so(&page) {
                Ok(())
            } else {
                Err(format!("{page:#}"))
            }
        })
        .await;
    };
    let others_are_well =
        |health: &Value| is(health, "host-http", "healthy") && is(health, "host-tcp", "healthy");

    becomes("/health", "hello is there", &|health| {
        is(health, "module:hello", "healthy") && others_are_well(health)
    })
    .await;
    type_in(take_out);
    becomes("/health", "hello has gone", &|health| {
        !health.to_string().contains("module:hello")
    })
    .await;
    type_in(break_in);
    becomes("/health", "what is broken shows, alone", &|health| {
        is(health, "module:broken", "unhealthy") && others_are_well(health)
    })
    .await;
    type_in(mend);
    becomes("/health", "what was broken has gone", &|health| {
        !health.to_string().contains("broken") && others_are_well(health)
    })
    .await;
    type_in(bring);
    becomes("/plugins", "the new one waits for settings", &|page| {
        let plugins = page["plugins"].as_array().expect("a list of plugins");
        let new = plugins.iter().find(|plugin| plugin["name"] == "new");
        new.is_some_and(|new| new.to_string().contains("idle"))
    })
    .await;
}

/// The binary with the demo's configuration, laid out as `cargo xtask demo` does, with other
/// addresses for the host and its neighbour.
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

/// What the checks of the demo are, but for `neighbour`.
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

async fn status(serving: &Serving, path: &str) -> u16 {
    serving.get(path).await.expect("an answer").status
}
