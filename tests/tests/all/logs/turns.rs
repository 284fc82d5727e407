//! The lines of checks that turn.

use super::*;

#[tokio::test]
async fn each_check_has_one_line_for_each_time_that_it_turns() {
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
        .plugin("hello", guests::HELLO)
        .plugin("status", guests::STATUS)
        .plugin("flip", guests::FLIP)
        .plugin("torn", "no component")
        .serve()
        .await;
    let flips = so_many(&serving, "check", "flips", 4).await;
    let up = with(&json!({ "said": "flip" }));
    let down = with(&json!({ "said": "flop", "failures": 1 }));
    assert_eq!(
        flips[..4],
        [
            turn("flips", "flip", "new", "healthy", &up),
            turn("flips", "flip", "healthy", "unhealthy", &down),
            turn("flips", "flip", "unhealthy", "healthy", &up),
            turn("flips", "flip", "healthy", "unhealthy", &down),
        ]
    );
    let traps = so_many(&serving, "check", "traps", 2).await;
    let trap = with(&json!({ "failures": 1, "code": "trap", "error": traps[0]["error"] }));
    let opened = json!({
        "level": "WARN", "target": "vitals_core::schedule::history",
        "message": "breaker opened, check runs less often",
        "check": "traps", "runs": 3, "code": "trap", "interval": "2s", "stretched": "4s",
    });
    assert_eq!(
        traps,
        [turn("traps", "status", "new", "unhealthy", &trap), opened]
    );
    for check in ["good", "bad"] {
        runs(&serving, check, 4).await;
    }
    let hello = with(&json!({ "said": "hello" }));
    let good = turn("good", "hello", "new", "healthy", &hello);
    assert_eq!(of(&serving, "check", "good"), [good]);
    let login = with(&json!({ "failures": 1, "said": "login with [redacted] failed" }));
    let bad = turn("bad", "status", "new", "unhealthy", &login);
    assert_eq!(of(&serving, "check", "bad"), [bad]);
    let torn = of(&serving, "check", "torn");
    let load = json!({ "code": "load", "error": torn[0]["error"] });
    assert_eq!(torn, [turn("torn", "torn", "new", "unhealthy", &load)]);

    serving.terminate();
    serving.ended().await;
    so_many(&serving, "message", "host stopped", 1).await;
    let mut life = lines(&serving);
    life.retain(|line| line["target"] == "vitals::commands::serve");
    let life: Vec<_> = life.iter().map(|line| &line["message"]).collect();
    assert_eq!(
        life,
        ["host started", "SIGTERM: shutting down", "host stopped"]
    );
    let text = serving.log().join("\n");
    assert!(!text.contains("7761"), "{text}");
}

#[tokio::test]
async fn a_failure_that_is_another_one_has_a_line_of_its_own() {
    let check = "[checks.a]\nplugin = 'status'\n";
    let config = |fail: &str| format!("{HEAD}{check}config = {{ {fail}, message = 'down' }}");
    let serving = Vitals::new(["serve"])
        .config(&config("status = 'unhealthy'"))
        .env("VITALS_LOG_FORMAT", "json")
        .plugin("status", guests::STATUS)
        .serve()
        .await;
    so_many(&serving, "check", "a", 1).await;
    serving
        .place()
        .write("vitals.toml", config("fail = 'exit'"));
    so_many(&serving, "code", "exit", 1).await;
    serving
        .place()
        .write("vitals.toml", config("fail = 'error'"));
    let lines = so_many(&serving, "check", "a", 3).await;
    let lines = lines
        .iter()
        .filter(|line| line["message"] == "check is unhealthy");
    let shown: Vec<_> = lines
        .map(|line| {
            (
                line["from"].clone(),
                line["code"].clone(),
                line["said"].clone(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (json!("new"), Value::Null, json!("down")),
            (json!("unhealthy"), json!("exit"), Value::Null),
            (json!("unhealthy"), Value::Null, json!("down")),
        ]
    );
}

#[tokio::test]
async fn a_result_that_becomes_too_old_has_a_line_and_the_next_one_too() {
    let config = format!(
        "{HEAD}[engine]\nmax_runs = 1\n\
         [checks.good]\nplugin = 'hello'\ninterval = '300ms'\ntimeout = '300ms'\n\
         [checks.slow]\nplugin = 'sleep'\ninterval = '6s'\ntimeout = '6s'\nconfig = {{ time = '3s' }}\n"
    );
    let serving = Vitals::new(["serve"])
        .config(&config)
        .env("VITALS_LOG_FORMAT", "json")
        .plugin("hello", guests::HELLO)
        .plugin("sleep", guests::SLEEP)
        .serve()
        .await;
    let hello = with(&json!({ "said": "hello" }));
    let said = "the last result is too old: the check has not run since";
    let old = with(&json!({ "said": said }));
    assert_eq!(
        so_many(&serving, "check", "good", 3).await[..3],
        [
            turn("good", "hello", "new", "healthy", &hello),
            turn("good", "hello", "healthy", "unknown", &old),
            turn("good", "hello", "unknown", "healthy", &hello),
        ]
    );
}
