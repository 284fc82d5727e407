//! The lines of plugins and configurations that come, change and go.

use super::*;

const TORN: &str = "[checks.torn]\nplugin = 'torn'\n";
const REFUSED: &str = "configuration rejected, keeping the previous one";

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

/// The lines about the plugin itself.
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
    // Some looks later nothing is said again.
    runs(&serving, "good", 3).await;
    let lines = about_torn(&serving);
    let refused = json!({
        "level": "ERROR", "target": "vitals_report::event_log", "message": "plugin rejected",
        "plugin": "torn", "digest": "…", "code": "not-wasm", "error": lines[0]["error"],
        "path": "plugins/torn.wasm",
    });
    let mut refused_again = refused.clone();
    refused_again["serving"] = json!("…");
    let loaded = |words: &str, generation: u64| {
        json!({
            "level": "INFO", "target": "vitals_report::event_log", "message": words,
            "plugin": "torn", "version": "0.1.0", "digest": "…", "generation": generation,
            "path": "plugins/torn.wasm",
        })
    };
    let told = |target: &str, words: &str| {
        json!({
            "level": "INFO", "target": target, "message": words, "plugin": "torn",
        })
    };
    let mut back = told(
        "vitals_report::event_log",
        "plugin file holds the active version again",
    );
    back["version"] = json!("0.1.0");
    back["digest"] = json!("…");
    assert_eq!(
        lines,
        [
            refused,
            loaded("plugin loaded", 1),
            loaded("plugin replaced", 2),
            refused_again,
            back,
            told("vitals_report::event_log", "plugin removed"),
        ]
    );
}

#[tokio::test]
async fn each_configuration_has_one_line() {
    let serving = serve(TORN).await;
    let write = |config: String| drop(serving.place().write("vitals.toml", config));
    let new = "[checks.new]\nplugin = 'hello'\n";
    let taken = "configuration applied";
    write(config(new));
    so_many(&serving, "message", taken, 1).await;
    write(config(&format!("{new}wrong = 1\n")));
    so_many(&serving, "message", REFUSED, 1).await;
    write(config(&format!("{new}critical = false\n")));
    so_many(&serving, "message", taken, 2).await;
    // What says the same in other words is none.
    write(config(&format!("# words\n{new}critical = false\n")));
    let listen = config(&format!("{new}critical = false\n")).replace(":0", ":1");
    write(listen);
    let restart = "configuration keys need a restart";
    let restart = so_many(&serving, "message", restart, 1).await;
    let taken = so_many(&serving, "message", taken, 3).await;
    runs(&serving, "good", 3).await;
    let line = |level: &str, message: &str, target: &str| json!({ "level": level, "target": target, "message": message, "path": "vitals.toml" });
    let told = line("INFO", "configuration applied", "vitals_report::event_log");
    let mut all = [told.clone(), told.clone(), told];
    all[0]["added"] = json!("new");
    all[0]["removed"] = json!("torn");
    all[1]["changed"] = json!("new");
    assert_eq!(taken, all);
    assert_eq!(restart[0]["keys"], "server.listen");
    let refused = of(&serving, "message", REFUSED);
    let error = refused[0]["error"].as_str().unwrap_or_default();
    assert!(
        error.starts_with("vitals.toml:") && error.contains("`wrong`"),
        "{error}"
    );
    let mut expected = line("ERROR", REFUSED, "vitals_report::event_log");
    expected["error"] = json!(error);
    assert_eq!(refused, [expected]);
    assert_eq!(of(&serving, "check", "good").len(), 1);
}
