//! A minute of chaos: files of plugins and the configuration change in every way, and no probe sees
//! anything but what may be true.

use std::time::Duration;

use vitals_tests::chaos::Campaign;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_of_random_file_operations_is_seen_by_no_probe() {
    // Another seed each time; a failure says which.
    let campaign = Campaign::new(Duration::from_mins(1));
    let summary = campaign.run().await;
    let summary = summary.unwrap_or_else(|failure| panic!("{failure}"));
    let operations: u64 = summary.counts.operations.values().sum();
    let probes: u64 = summary.counts.probes.values().sum();
    // On the busiest machine; else it is ten times as many.
    assert!(operations >= 50 && probes >= 1000, "{summary}");
    assert!(summary.loaded > 0 && summary.refused > 0, "{summary}");
    assert!(summary.quiet > 0, "{summary}");
}
