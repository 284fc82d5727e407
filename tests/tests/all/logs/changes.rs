//! The lines about plugins and configurations that are added, changed and removed.

use std::fs;

use super::*;

const TORN: &str = "[checks.torn]\nplugin = 'torn'\n";
const REJECTED: &str = "configuration rejected, keeping the previous one";

fn config(more: &str) -> String {
    format!("{HEAD}[metrics]\nenabled = true\n[checks.good]\nplugin = 'hello'\n{more}")
}

async fn serve(more: &str) -> Serving {
    Vitals::new(["serve"])
        .config(&config(more))
        .env("VITALS_LOG_FORMAT", "json")
        .plugin("hello", guests::HELLO)
        .plugin("torn", "no component")
        .serve()
        .await
}

/// The lines about the plugin, without those about its check.
fn about_torn(serving: &Serving) -> Vec<Value> {
    let mut lines = of(serving, "plugin", "torn");
    lines.retain(|line| line.get("check").is_none());
    lines
}

#[tokio::test]
async fn each_change_of_a_plugin_has_one_line() {
    let serving = serve(TORN).await;
    let stage = async |bytes: Option<Vec<u8>>, count: usize| {
        let path = "plugins/torn.wasm";
        match bytes {
            Some(bytes) => drop(serving.place().write(path, bytes)),
            None => fs::remove_file(serving.place().path().join(path)).unwrap(),
        }
        eventually(&format!("{count} lines about the plugin"), async || {
            let lines = about_torn(&serving);
            let enough = (lines.len() >= count).then_some(());
            enough.ok_or_else(|| format!("{lines:#?}"))
        })
        .await;
    };
    so_many(&serving, "plugin", "torn", 2).await;
    stage(Some(guests::HELLO.bytes()), 2).await;
    stage(Some(guests::LOG.bytes()), 3).await;
    stage(Some(b"torn again".to_vec()), 4).await;
    stage(Some(guests::LOG.bytes()), 5).await;
    stage(None, 6).await;
    // Nothing is repeated after several scans.
    runs(&serving, "good", 3.0).await;
    let lines = about_torn(&serving);
    let rejected = json!({
        "level": "ERROR", "target": "vitals_report::event_log", "message": "plugin rejected",
        "plugin": "torn", "digest": "…", "code": "not-wasm", "error": lines[0]["error"],
        "path": "plugins/torn.wasm",
    });
    let mut rejected_again = rejected.clone();
    rejected_again["serving"] = json!("…");
    let info = |message: &str, more: &Value| {
        let mut line = json!({
            "level": "INFO", "target": "vitals_report::event_log", "message": message,
            "plugin": "torn",
        });
        let fields = line.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        line
    };
    let loaded = |message: &str, generation: u64| {
        let more = json!({ "generation": generation, "path": "plugins/torn.wasm" });
        info(message, &with(&more))
    };
    let none = json!({});
    assert_eq!(
        lines,
        [
            rejected,
            loaded("plugin loaded", 1),
            loaded("plugin replaced", 2),
            rejected_again,
            info("plugin file holds the active version again", &with(&none)),
            info("plugin removed", &none),
        ]
    );
}

#[tokio::test]
async fn each_configuration_has_one_line() {
    let serving = serve(TORN).await;
    let write = |config: String| drop(serving.place().write("vitals.toml", config));
    let new = "[checks.new]\nplugin = 'hello'\n";
    let applied = "configuration applied";
    write(config(new));
    so_many(&serving, "message", applied, 1).await;
    write(config(&format!("{new}wrong = 1\n")));
    so_many(&serving, "message", REJECTED, 1).await;
    write(config(&format!("{new}critical = false\n")));
    so_many(&serving, "message", applied, 2).await;
    // An equivalent file is no change.
    write(config(&format!("# words\n{new}critical = false\n")));
    let listen = config(&format!("{new}critical = false\n")).replace(":0", ":1");
    write(listen);
    let restart = "configuration keys need a restart";
    let restart = so_many(&serving, "message", restart, 1).await;
    let applied = so_many(&serving, "message", applied, 3).await;
    runs(&serving, "good", 3.0).await;
    let line = |level: &str, message: &str, target: &str| json!({ "level": level, "target": target, "message": message, "path": "vitals.toml" });
    let expected = line("INFO", "configuration applied", "vitals_report::event_log");
    let mut all = [expected.clone(), expected.clone(), expected];
    all[0]["added"] = json!("new");
    all[0]["removed"] = json!("torn");
    all[1]["changed"] = json!("new");
    assert_eq!(applied, all);
    assert_eq!(restart[0]["keys"], "server.listen");
    let rejected = of(&serving, "message", REJECTED);
    let error = rejected[0]["error"].as_str().unwrap_or_default();
    assert!(
        error.starts_with("vitals.toml:") && error.contains("`wrong`"),
        "{error}"
    );
    let mut expected = line("ERROR", REJECTED, "vitals_report::event_log");
    expected["error"] = json!(error);
    assert_eq!(rejected, [expected]);
    assert_eq!(of(&serving, "check", "good").len(), 1);
}
