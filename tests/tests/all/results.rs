//! What a result may hold: clean texts, bounded parts, no secrets.

use insta::assert_snapshot;
use serde_json::{Value, json};
use vitals_tests::{TestHost, Vitals, eventually, guests};

/// Every text in a value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| [vec![key.clone()], texts(value)].concat())
            .collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn no_text_of_a_guest_breaks_a_line_or_moves_a_cursor() {
    let host = TestHost::builder()
        .env("ENABLE_METRICS", "true")
        .plugin("text", guests::TEXT);
    let host = host.start().await;
    let check = host.check("module:text").await;
    let foul = |c: char| {
        c.is_control()
            || matches!(
                c,
                '\u{2028}' | '\u{2029}' | '\u{202e}' | '\u{2066}' | '\u{200b}' | '\u{feff}'
            )
    };
    let texts = texts(&check);
    assert!(
        texts.iter().any(|text| text.contains("a [31mred")),
        "{check:#}"
    );
    for text in texts {
        assert!(!text.contains(foul), "{text:?}");
    }
    let message = check["message"].as_str().unwrap();
    assert!(
        message.len() <= 2048 && message.ends_with("é…"),
        "{} bytes",
        message.len()
    );
    assert_eq!(
        check["result"]["truncated"],
        json!(["message", "measurements"]),
        "{check:#}"
    );
    assert_snapshot!(message.trim_end_matches(['é', '…']));
    for line in host.get("/metrics").await.text().lines() {
        assert!(!line.contains(foul) && !line.contains("31m"), "{line:?}");
    }
}

#[tokio::test]
async fn what_no_answer_could_carry_is_left_out_or_mended() {
    let config = "[checks.odd]\nplugin = 'measure'\nconfig = { case = 'invalid' }";
    let host = TestHost::builder()
        .library("measure", guests::MEASURE)
        .config(config);
    let host = host.start().await;
    let check = host.check("odd").await;
    let shown = json!({
        "details": check["details"],
        "measurements": check["result"]["measurements"],
        "truncated": check["result"]["truncated"],
    });
    assert_snapshot!(format!("{shown:#}"));
}

#[tokio::test]
async fn settings_reach_the_guest_as_they_are_written() {
    let config = "[checks.one]\nplugin = 'settings'\nconfig = { name = 'one', tags = ['a', 'b'] }\n\
                  [checks.two]\nplugin = 'settings'\n\
                  config = { name = '$${literal}', retries = 7, patience = '250ms', \
                  pool = { size = 2, mode = 'lazy' } }";
    let host = TestHost::builder()
        .library("settings", guests::SETTINGS)
        .config(config);
    let host = host.start().await;
    let one = host.check("one").await;
    let expected = json!({
        "check": "one", "retries": 3, "patience_ms": 90_000, "room_bytes": null, "address": null, "token": "",
        "pool": { "size": 10, "mode": "Eager" }, "tags": ["a", "b"],
    });
    assert_eq!(one["details"], expected);
    let two = host.check("two").await;
    let expected = json!({
        "check": "two", "retries": 7, "patience_ms": 250, "room_bytes": null, "address": null, "token": "",
        "pool": { "size": 2, "mode": "Lazy" }, "tags": [],
    });
    assert_eq!(
        (&two["details"], &two["message"]),
        (&expected, &"${literal} with token ".into())
    );
}

#[tokio::test]
async fn secrets_leave_the_host_in_no_text() {
    let builder = TestHost::builder();
    let file = builder.place().write("secret", "from-a-file-7731\n");
    let config = format!(
        "[checks.env]\nplugin = 'settings'\nconfig = {{ name = 'n', token = '${{TOKEN}}' }}\n\
         [checks.file]\nplugin = 'settings'\nconfig = {{ name = 'x ${{file:{}}} y' }}\n\
         [checks.schema]\nplugin = 'settings'\nconfig = {{ name = 'n', token = 'write-only-7733' }}\n\
         [checks.error]\nplugin = 'status'\nconfig = {{ fail = 'panic', message = '${{TOKEN}}' }}",
        file.display()
    );
    let host = builder
        .env("TOKEN", "from-the-environment-7732")
        .library("settings", guests::SETTINGS)
        .library("status", guests::STATUS)
        .config(&config)
        .start()
        .await;
    let health = host.get("/health").await;
    let mut all = health.text().to_owned();
    for check in ["env", "file", "schema", "error"] {
        all.push_str(host.get(&format!("/health/checks/{check}")).await.text());
    }
    for number in ["7731", "7732", "7733"] {
        assert!(!all.contains(number), "{number} is in {all}");
    }
    let check = host.check("env").await;
    assert_eq!(check["message"], "n with token [redacted]", "{check:#}");
    assert_eq!(check["details"]["token"], "[redacted]", "{check:#}");
    assert_eq!(
        host.check("file").await["message"],
        "[redacted] with token "
    );
    let panic = host.check("error").await;
    assert!(
        panic["message"].as_str().unwrap().ends_with(": [redacted]"),
        "{panic:#}"
    );
}

#[tokio::test]
async fn a_secret_where_a_text_is_cut_leaves_no_piece() {
    let builder = TestHost::builder().library("settings", guests::SETTINGS);
    let config = format!(
        "[checks.a]\nplugin = 'settings'\nconfig = {{ name = '{}', token = '${{TOKEN}}' }}",
        // The secret begins before the bound of a message and ends after it.
        "x".repeat(2025)
    );
    let host = builder
        .env("TOKEN", "first-half-7751-second-half")
        .config(&config)
        .start()
        .await;
    let check = host.check("a").await;
    let message = check["message"].as_str().unwrap();
    assert!(!message.contains("first"), "{}", &message[2000..]);
}

#[tokio::test]
async fn secrets_are_in_no_line_of_the_log() {
    let config = "[server]\nlisten = '127.0.0.1:0'\n\
                  [checks.a]\nplugin = 'status'\n\
                  config = { status = 'unhealthy', message = 'login with ${PASSWORD} failed' }\n\
                  [checks.b]\nplugin = 'settings'\nconfig = { name = 1, token = '${PASSWORD}' }\n\
                  [checks.c]\nplugin = 'status'\n\
                  config = { fail = 'panic', message = 'no way in with hunter2-7761' }";
    let serving = Vitals::new(["serve"])
        .config(config)
        .env("PASSWORD", "hunter2-7761")
        .env("VITALS_LOG", "debug")
        .plugin("status", guests::STATUS)
        .plugin("settings", guests::SETTINGS)
        .serve()
        .await;
    eventually("both checks are in the log", async || {
        let log = serving.log().join("\n");
        let parts = [
            "check=a from",
            "cannot run check `b`",
            "check=c from",
            "guest output",
        ];
        let there = parts.iter().all(|part| log.contains(part));
        if there { Ok(()) } else { Err(log) }
    })
    .await;
    let log = serving.log().join("\n");
    assert!(log.contains("no way in with [redacted]"), "{log}");
    assert!(!log.contains("7761"), "{log}");
}
