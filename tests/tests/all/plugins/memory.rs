//! The plugin `memory` on the machine's own memory.

use serde_json::json;
use vitals_tests::guests;

use super::{measured, number, told, watch};

#[tokio::test]
async fn memory_is_what_the_kernel_reports() {
    let lines = "allow = { system = ['memory'] }\n\
                 config = { degraded_below = 0, unhealthy_below = 0 }";
    let check = watch(guests::MEMORY, lines).await;
    let (status, message) = told(&check);
    assert_eq!(status, "healthy", "{check:#}");
    let part = " of the memory is available, ";
    assert!(message.contains(part), "{message}");
    let total = kernel("MemTotal:");
    assert_eq!(check["details"]["total_bytes"], total, "{check:#}");
    let available = number(&check, "memory_available_bytes");
    #[expect(clippy::cast_precision_loss, reason = "only shares are compared")]
    let (expected, total) = (kernel("MemAvailable:") as f64, total as f64);
    assert!(
        available > expected / 4.0 && available <= total,
        "{expected}: {check:#}"
    );
    let share = number(&check, "memory_available");
    assert!((share - available / total).abs() < 1e-9, "{check:#}");
    let has_swap = measured(&check, "swap_used").is_object();
    assert_eq!(has_swap, kernel("SwapTotal:") > 0, "{check:#}");
}

/// Returns a line of `/proc/meminfo`, in bytes.
fn kernel(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").expect("it is Linux");
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    let kibibytes = kibibytes.unwrap_or_else(|| panic!("`{key}` is not in {text}"));
    kibibytes * 1024
}

#[tokio::test]
async fn a_missing_grant_is_named_with_the_key_to_set() {
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
