//! `vitals bench`: what it prints about runs, and how many it makes at once.

use serde_json::{Value, json};
use vitals_tests::Vitals;
use vitals_tests::guests::{SLEEP, STATUS};

use super::json as numbers;

#[test]
fn bench_makes_as_many_runs_at_once_as_requested() {
    // Each of twenty waits for 200 ms: one after the other that is four seconds, and five runs a second, on
    // any machine.
    let per_second = |at_once: &str| {
        let line = "bench plugins/sleep.wasm --runs 20 --duration 1m --format json --concurrency";
        let more = [at_once, "--settings", r#"{"time": "200ms"}"#];
        let line = line.split(' ').chain(more);
        let json = numbers(&Vitals::new(line).guests([SLEEP]).exits(0));
        assert_eq!(json["results"], json!({ "healthy": 20 }), "{json}");
        json["runs_per_second"].as_f64().expect("a number")
    };
    let alone = per_second("1");
    assert!(alone <= 5.0, "{alone} runs a second");
    let together = per_second("20");
    assert!(together > 5.0, "{together} runs a second");
}

#[test]
fn bench_measures_the_cost_of_a_run() {
    let bench = |arguments: &[&str]| {
        let line = ["bench", "plugins/status.wasm", "--runs", "20"];
        Vitals::new(line.iter().chain(arguments).copied()).guests([STATUS])
    };
    let json = numbers(&bench(&["--concurrency", "4", "--format", "json"]).exits(0));
    assert_eq!(json["runs"], 20);
    assert_eq!(json["results"], json!({ "healthy": 20 }));
    assert_eq!(json["first"]["status"], "healthy");
    let number = |pointer: &str| json.pointer(pointer).and_then(Value::as_f64).unwrap();
    let [instance, median] = ["/instance/median_us", "/time/median_us"].map(number);
    assert!(number("/fuel/median") > 100.0, "{json}");
    assert!(instance < number("/time/longest_us"), "{json}");
    assert!(median <= number("/time/p99_us"), "{json}");
    assert!(number("/cpu_us") > 0.0, "{json}");
    assert!(number("/runs_per_second") > 0.0, "{json}");

    // It shows failures too: a check that fails fast is not a fast check.
    let ended = bench(&["--settings", r#"{"fail": "panic", "message": "lost"}"#]).exits(0);
    let first = "first run: unhealthy - panicked at ";
    assert!(ended.stdout.starts_with(first), "{ended}");
    let runs = "\nruns      20: 20 trap\n";
    assert!(ended.stdout.contains(runs), "{ended}");
    let bars = ended.stdout.lines().filter(|line| line.contains('█'));
    let counts = bars.filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok());
    assert_eq!(counts.sum::<u32>(), 20, "{ended}");

    // The duration ends it as well.
    let line = ["bench", "plugins/sleep.wasm", "--duration", "200ms"];
    let line = line
        .into_iter()
        .chain(["--settings", r#"{"time": "50ms"}"#]);
    let ended = Vitals::new(line).guests([SLEEP]).run();
    assert!(ended.stdout.contains("healthy"), "{ended}");

    bench(&["--settings", "{"]).exits(3);
    let ended = Vitals::new(["bench", "nowhere.wasm"]).exits(3);
    let error = "cannot run nowhere.wasm: cannot read it: ";
    assert!(ended.stderr.contains(error), "{ended}");
}
