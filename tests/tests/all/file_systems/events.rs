//! Where events fail: more than the kernel keeps, and none at all.

use std::fs::{self, File};

use vitals_tests::{TestHost, Vitals, guests};

use super::{EVENTS_ALONE, process_shows, shows};

#[tokio::test]
async fn events_that_the_kernel_drops_are_made_up_for() {
    let host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .config(EVENTS_ALONE)
        .plugin("a", guests::tiny("one"))
        .serve()
        .await;
    process_shows(&host, &[("module:a", "one")]).await;
    let scratch = ["x", "y"].map(|name| host.place().write(&format!("plugins/{name}"), ""));
    // The host sees the scratch files, and all events so far with them.
    host.place().write("plugins/b.wasm", guests::tiny("b"));
    process_shows(&host, &[("module:a", "one"), ("module:b", "b")]).await;

    host.freeze().await;
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit = limit.trim().parse::<usize>().unwrap();
    // That a file is opened calls for no look: what comes of this comes of what was dropped. Two
    // that are alike in a row would be one event.
    for _ in 0..=limit / 2 {
        for path in &scratch {
            File::open(path).unwrap();
        }
    }
    host.place().write("plugins/a.wasm", guests::tiny("two"));
    host.thaw();
    process_shows(&host, &[("module:a", "two"), ("module:b", "b")]).await;

    // And events come as before.
    host.place().write("plugins/a.wasm", guests::tiny("three"));
    process_shows(&host, &[("module:a", "three"), ("module:b", "b")]).await;
}

#[tokio::test]
async fn what_no_event_tells_of_is_found_by_the_regular_look() {
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
        // An event has the name by which a file was opened, and goes to the directory of that alone.
        fs::write(&hidden, guests::tiny(message)).unwrap();
        shows(&host, &[("module:a", message)]).await;
    }
}
