//! Events that fail: more than the kernel queues, and none at all.

use std::fs::{self, File};

use vitals_tests::{TestHost, Vitals, guests};

use super::{EVENTS_ALONE, process_shows, shows};

#[tokio::test]
async fn a_scan_replaces_events_that_the_kernel_drops() {
    let host = Vitals::host(EVENTS_ALONE, []).plugin("a", guests::tiny("one"));
    let host = host.serve().await;
    process_shows(&host, &[("module:a", "one")]).await;
    let scratch = ["x", "y"].map(|name| host.place().write(&format!("plugins/{name}"), ""));
    // The host has seen the scratch files, and all events so far.
    host.place().write("plugins/b.wasm", guests::tiny("b"));
    process_shows(&host, &[("module:a", "one"), ("module:b", "b")]).await;

    host.freeze().await;
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit = limit.trim().parse::<usize>().unwrap();
    // Opening a file causes no scan, so only the dropped events do. Two equal events in a row would
    // become one.
    for _ in 0..=limit / 2 {
        for path in &scratch {
            File::open(path).unwrap();
        }
    }
    host.place().write("plugins/a.wasm", guests::tiny("two"));
    host.thaw();
    process_shows(&host, &[("module:a", "two"), ("module:b", "b")]).await;

    // Events arrive as before.
    host.place().write("plugins/a.wasm", guests::tiny("three"));
    process_shows(&host, &[("module:a", "three"), ("module:b", "b")]).await;
}

#[tokio::test]
async fn a_regular_scan_finds_changes_without_events() {
    let builder = TestHost::builder().config("[plugins]\nrescan = '300ms'");
    let elsewhere = builder.place().path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let hidden = builder
        .place()
        .write("elsewhere/hidden", guests::tiny("one"));
    fs::hard_link(&hidden, builder.place().plugins().join("a.wasm")).unwrap();
    let host = builder.start().await;
    shows(&host, &[("module:a", "one")]).await;
    for message in ["two", "three"] {
        // Only the directory of the name by which a file was opened gets an event.
        fs::write(&hidden, guests::tiny(message)).unwrap();
        shows(&host, &[("module:a", message)]).await;
    }
}
