//! The plugin `memory` on the memory of the machine of the tests.

use serde_json::json;
use vitals_tests::guests;

use super::{measured, number, told, watch};

const ALLOWED: &str = "allow = { system = ['memory'] }\n";

/// A line of `/proc/meminfo`, in bytes.
fn kernel(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").expect("it is Linux");
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    let kibibytes = kibibytes.unwrap_or_else(|| panic!("`{key}` is not in {text}"));
    kibibytes * 1024
}

#[tokio::test]
async fn memory_is_what_the_kernel_says() {
    let check = watch(
        guests::MEMORY,
        &format!("{ALLOWED}config = {{ degraded_below = 0, unhealthy_below = 0 }}"),
    )
    .await;
    let (status, message) = told(&check);
    assert_eq!(status, "healthy", "{check:#}");
    assert!(
        message.contains(" of the memory is available, "),
        "{message}"
    );
    assert_eq!(
        check["details"]["total_bytes"],
        kernel("MemTotal:"),
        "{check:#}"
    );
    let available = number(&check, "memory_available_bytes");
    #[expect(clippy::cast_precision_loss, reason = "a share of it is meant")]
    let (truly, total) = (kernel("MemAvailable:") as f64, kernel("MemTotal:") as f64);
    assert!(
        available > truly / 4.0 && available <= total,
        "{truly}: {check:#}"
    );
    let share = number(&check, "memory_available");
    assert!((share - available / total).abs() < 1e-9, "{check:#}");
    let has_swap = kernel("SwapTotal:") > 0;
    assert_eq!(
        measured(&check, "swap_used").is_object(),
        has_swap,
        "{check:#}"
    );
}

#[tokio::test]
async fn too_little_of_it_is_degraded_or_unhealthy() {
    for (key, status) in [
        ("degraded_below", "degraded"),
        ("unhealthy_below", "unhealthy"),
    ] {
        // Nobody has all of it.
        let other = if key == "degraded_below" {
            "unhealthy_below"
        } else {
            "degraded_below"
        };
        let config = format!("{ALLOWED}config = {{ {key} = 1, {other} = 0 }}");
        let check = watch(guests::MEMORY, &config).await;
        let (found, message) = told(&check);
        assert_eq!(found, status, "{check:#}");
        let said = format!(" of the memory is available ({status} below 100 %), ");
        assert!(message.contains(&said), "{message}");
        assert!(!message.starts_with("100 %"), "{message}");
    }
}

#[tokio::test]
async fn what_is_not_allowed_says_what_to_write() {
    let check = watch(guests::MEMORY, "").await;
    assert_eq!(
        told(&check),
        (
            "unhealthy",
            "cannot read the memory usage: denied: system memory (add it to `allow.system` of check `watched`)"
        )
    );
    assert_eq!(check["error"]["code"], json!("denied"), "{check:#}");
}
