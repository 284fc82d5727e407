//! `vitals bench`: what it says of a run, and how many it makes at once.

use serde_json::{Value, json};
use vitals_tests::{Finished, Vitals, guests};

use super::shown;

/// What `vitals bench --format json` says, with a zero for what the harness leaves out.
fn numbers(ended: &Finished) -> Value {
    let untidy = ended.stdout.replace("<varies>", "0").replace("<ms>", "0");
    serde_json::from_str(&untidy).expect("JSON")
}

#[test]
fn bench_has_as_many_runs_at_once_as_it_is_told() {
    // Each of twenty waits for 200 ms: one after the other that is four seconds, and five runs a second, on
    // any machine.
    let per_second = |at_once: &str| {
        let line = [
            "bench",
            "plugins/sleep.wasm",
            "--runs",
            "20",
            "--duration",
            "1m",
        ];
        let more = ["--concurrency", at_once, "--format", "json"];
        let settings = ["--settings", r#"{"time": "200ms"}"#];
        let line = line.into_iter().chain(more).chain(settings);
        let ended = Vitals::new(line).plugin("sleep", guests::SLEEP).run();
        assert_eq!(ended.status, Some(0), "{}", shown(&ended));
        let json = numbers(&ended);
        assert_eq!(json["results"], json!({ "healthy": 20 }), "{json}");
        json["runs_per_second"].as_f64().expect("a number")
    };
    let alone = per_second("1");
    assert!(alone <= 5.0, "{alone} runs a second");
    let together = per_second("20");
    assert!(together > 5.0, "{together} runs a second");
}

#[test]
fn bench_says_what_a_run_costs() {
    let bench = |arguments: &[&str]| {
        let line = ["bench", "plugins/status.wasm", "--runs", "20"];
        let line = line.iter().chain(arguments).copied();
        Vitals::new(line).plugin("status", guests::STATUS).run()
    };
    let ended = bench(&["--concurrency", "4", "--format", "json"]);
    assert_eq!(ended.status, Some(0), "{}", shown(&ended));
    let json = numbers(&ended);
    assert_eq!(json["runs"], 20);
    assert_eq!(json["results"], json!({ "healthy": 20 }));
    assert_eq!(json["first"]["status"], "healthy");
    let number = |pointer: &str| json.pointer(pointer).and_then(Value::as_f64).unwrap();
    assert!(number("/fuel/median") > 100.0, "{json}");
    assert!(
        number("/instance/median_us") < number("/time/longest_us"),
        "{json}"
    );
    assert!(
        number("/time/median_us") <= number("/time/p99_us"),
        "{json}"
    );
    assert!(
        number("/cpu_us") > 0.0 && number("/runs_per_second") > 0.0,
        "{json}"
    );

    // What it does is told too: a check that fails fast is no fast check.
    let ended = bench(&["--settings", r#"{"fail": "panic", "message": "lost"}"#]);
    assert_eq!(ended.status, Some(0), "{}", shown(&ended));
    assert!(
        ended
            .stdout
            .starts_with("first run: unhealthy - panicked at "),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("\nruns      20: 20 trap\n"),
        "{}",
        ended.stdout
    );
    let bars = ended.stdout.lines().filter(|line| line.contains('█'));
    let counts = bars.filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok());
    assert_eq!(counts.sum::<u32>(), 20, "{}", ended.stdout);

    // Time ends it as well, and what can't be run says so.
    let line = [
        "bench",
        "plugins/sleep.wasm",
        "--settings",
        r#"{"time": "50ms"}"#,
        "--duration",
        "200ms",
    ];
    let ended = Vitals::new(line).plugin("sleep", guests::SLEEP).run();
    assert!(ended.stdout.contains("healthy"), "{}", shown(&ended));
    let ended = bench(&["--settings", "{"]);
    assert_eq!(ended.status, Some(3), "{}", shown(&ended));
    let ended = Vitals::new(["bench", "nowhere.wasm"]).run();
    assert_eq!(ended.status, Some(3));
    assert!(
        ended
            .stderr
            .contains("cannot run nowhere.wasm: cannot read it: "),
        "{}",
        ended.stderr
    );
}
