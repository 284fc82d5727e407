//! The plugin `icmp` against this machine.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use serde_json::Value;
use vitals_tests::guests;

use super::{number, told, watch};

/// Pings `127.0.0.1` once, with these settings beside the host.
async fn ping(settings: &str) -> Value {
    let config = format!("config = {{ host = '127.0.0.1', {settings} }}");
    watch(guests::ICMP, &config).await
}

/// Whether the kernel lets this process ping without privileges.
fn may_ping() -> bool {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").expect("it is Linux");
    let mut ends = range.split_whitespace().map(str::parse::<u32>);
    let (Some(Ok(first)), Some(Ok(last))) = (ends.next(), ends.next()) else {
        panic!("`{range}` is not a range of groups");
    };
    let own = fs::metadata("/proc/self").expect("it is Linux").gid();
    (first..=last).contains(&own)
}

#[tokio::test]
async fn this_machine_replies_or_the_kernel_refuses() {
    let check = ping("count = 4, interval = '20ms'").await;
    let (status, message) = told(&check);
    if !may_ping() {
        assert_eq!(status, "unhealthy", "{check:#}");
        assert!(message.contains("net.ipv4.ping_group_range"), "{check:#}");
        return;
    }
    assert_eq!(status, "healthy", "{check:#}");
    let beginning = "127.0.0.1 replied to 4 of 4 echo requests, on average after ";
    assert!(message.starts_with(beginning), "{check:#}");
    assert_eq!(check["details"]["address"], "127.0.0.1", "{check:#}");
    assert!(number(&check, "packet_loss").abs() < 1e-9, "{check:#}");
    let [min, average, max] = [
        "round_trip_time_min",
        "round_trip_time",
        "round_trip_time_max",
    ]
    .map(|name| number(&check, name));
    assert!(
        0.0 < min && min <= average && average <= max && max < 5.0,
        "{check:#}"
    );

    let slow = ping("size = 1024, degraded_above = '0s'").await;
    let (status, message) = told(&slow);
    assert_eq!(status, "degraded", "{slow:#}");
    assert!(
        message.starts_with("the average round-trip time is "),
        "{slow:#}"
    );
}

#[tokio::test]
async fn an_address_of_the_other_family_is_not_pinged() {
    let check = ping("family = 'ipv6'").await;
    assert_eq!(
        told(&check),
        (
            "unhealthy",
            "cannot ping 127.0.0.1: cannot look up the host: the name has no address"
        ),
        "{check:#}"
    );
}
