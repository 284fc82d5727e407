//! The plugin `load` on the machine of the tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use vitals_tests::guests;

use super::{measured, number, told, watch, watching};

const ALLOWED: &str = "allow = { system = ['load'] }\n";

fn processors() -> u32 {
    let text = std::fs::read_to_string("/proc/stat").expect("it is Linux");
    let of_one = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    u32::try_from(text.lines().filter(of_one).count()).expect("a number of processors")
}

#[tokio::test]
async fn the_load_is_what_the_kernel_says_for_each_processor() {
    let config = "config = { average = '15m', degraded_above = 1e6, unhealthy_above = 1e6 }";
    let check = watch(guests::LOAD, &format!("{ALLOWED}{config}")).await;
    let (status, message) = told(&check);
    assert_eq!(status, "healthy", "{check:#}");
    assert!(
        message.starts_with("the load over 15 minutes is "),
        "{message}"
    );
    assert_eq!(check["details"]["processors"], processors(), "{check:#}");
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    let truly: f64 = text.split(' ').nth(2).unwrap().parse().unwrap();
    let told = number(&check, "load_15m") * f64::from(processors());
    assert!((told - truly).abs() < 1.0, "{text}: {check:#}");
    assert_eq!(
        measured(&check, "load_15m")["degraded_at"],
        json!({ "above": 1e6 })
    );
    for other in ["load_1m", "load_5m"] {
        assert!(
            measured(&check, other)["degraded_at"].is_null(),
            "{check:#}"
        );
    }
}

/// Threads that keep processors busy, until it is dropped.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn begin() -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        Self(ended)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_machine_with_something_to_do_is_above_nothing() {
    for (bounds, status) in [
        ("degraded_above = 0, unhealthy_above = 1e6", "degraded"),
        ("degraded_above = 0, unhealthy_above = 0", "unhealthy"),
    ] {
        let config = format!("interval = '5s'\n{ALLOWED}config = {{ average = '1m', {bounds} }}");
        let _busy = Busy::begin();
        let host = watching(guests::LOAD, &config).await;
        let check = host
            .eventually_check("watched", "the load has risen", |check| {
                check["status"] == status
            })
            .await;
        let (_, message) = told(&check);
        assert!(
            message.contains(&format!(" per processor ({status} above 0), ")),
            "{message}"
        );
    }
}

#[tokio::test]
async fn what_is_not_allowed_says_what_to_write() {
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
