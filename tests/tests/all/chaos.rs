//! A minute of random changes to plugin files and the configuration.

use std::time::Duration;

use vitals_tests::chaos::Campaign;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_of_random_file_operations_is_seen_by_no_probe() {
    // The seed is random; a report names it.
    let campaign = Campaign {
        // It is also the timeout: the other tests take the processors.
        interval: Duration::from_secs(10),
        ..Campaign::new(Duration::from_mins(1))
    };
    let summary = campaign.run().await;
    let summary = summary.unwrap_or_else(|report| panic!("{report}"));
    let operations: u64 = summary.counts.operations.values().sum();
    let requests: u64 = summary.counts.requests.values().sum();
    // An idle machine makes ten times as many.
    assert!(operations >= 50 && requests >= 1000, "{summary}");
    assert!(summary.events.values().all(|count| *count > 0), "{summary}");
    assert!(summary.convergences > 1, "{summary}");
}
