//! The lines about transitions of checks.

use super::*;

#[tokio::test]
async fn each_transition_has_one_line() {
    let config = format!(
        "{HEAD}[metrics]\nenabled = true\n\
         [checks.good]\nplugin = 'hello'\n\
         [checks.bad]\nplugin = 'status'\n\
         config = {{ status = 'unhealthy', message = 'login with hunter2-7761 failed' }}\n\
         [checks.flips]\nplugin = 'flip'\n\
         [checks.torn]\nplugin = 'torn'\n\
         [checks.traps]\nplugin = 'status'\nconfig = {{ fail = 'trap' }}\n"
    );
    let config = config.replace("[server]\n", "[server]\nadmin_token = '${PASSWORD}'\n");
    let mut serving = Vitals::new(["serve"])
        .config(&config)
        .env("VITALS_LOG_FORMAT", "json")
        .env("PASSWORD", "hunter2-7761")
        .guests([guests::HELLO, guests::STATUS, guests::FLIP])
        .plugin("torn", "no component")
        .serve()
        .await;
    let flips = so_many(&serving, "check", "flips", 4).await;
    let up = with(&json!({ "said": "flip" }));
    let down = with(&json!({ "said": "flop", "failures": 1 }));
    assert_eq!(
        flips[..4],
        [
            transition("flips", "flip", "new", "healthy", &up),
            transition("flips", "flip", "healthy", "unhealthy", &down),
            transition("flips", "flip", "unhealthy", "healthy", &up),
            transition("flips", "flip", "healthy", "unhealthy", &down),
        ]
    );
    let traps = so_many(&serving, "check", "traps", 2).await;
    let trap = with(&json!({ "failures": 1, "code": "trap", "error": traps[0]["error"] }));
    let opened = json!({
        "level": "WARN", "target": "vitals_core::schedule::history",
        "message": "breaker opened, check runs less often",
        "check": "traps", "runs": 3, "code": "trap", "interval": "2s", "stretched": "4s",
    });
    let first = transition("traps", "status", "new", "unhealthy", &trap);
    assert_eq!(traps, [first, opened]);
    for check in ["good", "bad"] {
        runs(&serving, check, 4.0).await;
    }
    let hello = with(&json!({ "said": "hello" }));
    let good = transition("good", "hello", "new", "healthy", &hello);
    assert_eq!(of(&serving, "check", "good"), [good]);
    let login = with(&json!({ "failures": 1, "said": "login with [redacted] failed" }));
    let bad = transition("bad", "status", "new", "unhealthy", &login);
    assert_eq!(of(&serving, "check", "bad"), [bad]);
    let torn = of(&serving, "check", "torn");
    let load = json!({ "code": "load", "error": torn[0]["error"] });
    let expected = transition("torn", "torn", "new", "unhealthy", &load);
    assert_eq!(torn, [expected]);

    serving.terminate();
    serving.ended().await;
    so_many(&serving, "message", "host stopped", 1).await;
    let mut own = lines(&serving);
    own.retain(|line| line["target"] == "vitals::commands::serve");
    let own: Vec<_> = own.iter().map(|line| &line["message"]).collect();
    assert_eq!(
        own,
        ["host started", "SIGTERM: shutting down", "host stopped"]
    );
    let text = serving.log().join("\n");
    assert!(!text.contains("7761"), "{text}");
}

#[tokio::test]
async fn another_reason_of_a_failure_has_a_line_of_its_own() {
    let check = "[checks.a]\nplugin = 'status'\n";
    let config = |fail: &str| format!("{HEAD}{check}config = {{ {fail}, message = 'down' }}");
    let serving = serve_json(&config("status = 'unhealthy'"), &[guests::STATUS]).await;
    let reconfigure = |fail: &str| drop(serving.place().write("vitals.toml", config(fail)));
    so_many(&serving, "check", "a", 1).await;
    reconfigure("fail = 'exit'");
    so_many(&serving, "code", "exit", 1).await;
    reconfigure("fail = 'error'");
    let mut lines = so_many(&serving, "check", "a", 3).await;
    lines.retain(|line| line["message"] == "check is unhealthy");
    let shown = lines.iter();
    let shown = shown.map(|line| ["from", "code", "said"].map(|field| line[field].clone()));
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            [json!("new"), Value::Null, json!("down")],
            [json!("unhealthy"), json!("exit"), Value::Null],
            [json!("unhealthy"), Value::Null, json!("down")],
        ]
    );
}

#[tokio::test]
async fn a_result_that_becomes_stale_has_a_line_and_so_has_the_next_one() {
    let config = format!(
        "{HEAD}[engine]\nmax_runs = 1\n\
         [checks.good]\nplugin = 'hello'\ninterval = '300ms'\ntimeout = '300ms'\n\
         [checks.slow]\nplugin = 'sleep'\ninterval = '6s'\ntimeout = '6s'\nconfig = {{ time = '3s' }}\n"
    );
    let serving = serve_json(&config, &[guests::HELLO, guests::SLEEP]).await;
    let hello = with(&json!({ "said": "hello" }));
    let said = "the last result is too old: the check has not run since";
    let old = with(&json!({ "said": said }));
    assert_eq!(
        so_many(&serving, "check", "good", 3).await[..3],
        [
            transition("good", "hello", "new", "healthy", &hello),
            transition("good", "hello", "healthy", "unknown", &old),
            transition("good", "hello", "unknown", "healthy", &hello),
        ]
    );
}
