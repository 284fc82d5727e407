//! The plugin `load` on the machine's own load.

use serde_json::json;
use vitals_tests::guests;

use super::{number, told, watch};

#[tokio::test]
async fn the_load_per_processor_is_what_the_kernel_reports() {
    let lines = "allow = { system = ['load'] }\n\
                 config = { average = '15m', degraded_above = 1e6, unhealthy_above = 1e6 }";
    let check = watch(guests::LOAD, lines).await;
    let (status, message) = told(&check);
    assert_eq!(status, "healthy", "{check:#}");
    let beginning = "the load over 15 minutes is ";
    assert!(message.starts_with(beginning), "{message}");
    assert_eq!(check["details"]["processors"], processors(), "{check:#}");
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    let expected: f64 = text.split(' ').nth(2).unwrap().parse().unwrap();
    let load = number(&check, "load_15m") * f64::from(processors());
    assert!((load - expected).abs() < 1.0, "{text}: {check:#}");
}

fn processors() -> u32 {
    let text = std::fs::read_to_string("/proc/stat").expect("it is Linux");
    let of_one = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    u32::try_from(text.lines().filter(of_one).count()).expect("a number of processors")
}

#[tokio::test]
async fn a_missing_grant_is_named_with_the_key_to_set() {
    let check = watch(guests::LOAD, "").await;
    assert_eq!(
        told(&check),
        (
            "unhealthy",
            "cannot read the load: denied: system load (add it to `allow.system` of check `watched`)"
        )
    );
    assert_eq!(check["error"]["code"], json!("denied"), "{check:#}");
}
