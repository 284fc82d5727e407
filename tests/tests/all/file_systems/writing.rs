//! The ways in which files are written: slowly, renamed into place, copied over others, by editors,
//! moved, many at once.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use vitals_tests::{eventually, guests, when};

use super::{by_events_alone, messages, shows};

#[tokio::test]
async fn a_slow_copy_is_no_failure_and_ends_in_the_new_plugin() {
    let host = by_events_alone().plugin("a", guests::HELLO).start().await;
    let clock = "the clock is plausible";
    let both = [("module:a", clock), ("module:new", clock)];
    for (name, generation, others, after) in [
        ("a", 2, &[("module:a", "hello")][..], &both[..1]),
        ("new", 1, &[("module:a", clock)], &both),
    ] {
        shows(&host, others).await;
        let bytes = guests::EXAMPLE_CLOCK.bytes();
        let path = host.place().plugins().join(format!("{name}.wasm"));
        let mut file = File::create(path).unwrap();
        for chunk in bytes.chunks(bytes.len() / 30 + 1) {
            file.write_all(chunk).unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            let health = host.health().await;
            let shown = messages(&health);
            assert!(others.iter().all(|(check, text)| shown[check] == *text));
        }
        drop(file);
        shows(&host, after).await;
        let is_loaded =
            |plugin: &Value| plugin["generation"] == generation && plugin["last_error"].is_null();
        host.eventually_plugin(name, "the new one is loaded", is_loaded)
            .await;
    }
}

#[tokio::test]
async fn a_file_that_is_renamed_into_place_is_seen_every_time() {
    let host = by_events_alone();
    let host = host.plugin("a", guests::tiny("0")).start().await;
    shows(&host, &[("module:a", "0")]).await;
    for round in ["1", "2", "3", "4"] {
        host.drop_in("a", guests::tiny(round));
        shows(&host, &[("module:a", round)]).await;
    }
    assert_eq!(host.plugin("a").await["generation"], 5);
}

#[tokio::test]
async fn a_file_that_is_copied_over_is_seen() {
    let host = by_events_alone();
    let host = host.plugin("a", guests::tiny("one")).start().await;
    shows(&host, &[("module:a", "one")]).await;
    let new = host.place().write("new", guests::tiny("two"));
    let mut copy = Command::new("cp");
    copy.arg(new).arg(host.place().plugins().join("a.wasm"));
    assert!(copy.status().unwrap().success());
    shows(&host, &[("module:a", "two")]).await;
}

#[tokio::test]
async fn the_temporary_files_of_editors_are_no_plugins() {
    let host = by_events_alone();
    let host = host.plugin("a", guests::tiny("one")).start().await;
    shows(&host, &[("module:a", "one")]).await;
    let at = |name: &str| host.place().plugins().join(name);
    // vim with `backup` tests whether it can make files here, and keeps a swap file meanwhile.
    fs::write(at(".a.wasm.swp"), "b0VIM").unwrap();
    fs::write(at("4913"), "").unwrap();
    fs::remove_file(at("4913")).unwrap();
    fs::rename(at("a.wasm"), at("a.wasm~")).unwrap();
    fs::write(at("a.wasm"), guests::tiny("two")).unwrap();
    // Emacs makes a link to nowhere as its lock, and a copy of its own.
    std::os::unix::fs::symlink("me@host.1:1", at(".#a.wasm")).unwrap();
    fs::write(at("#a.wasm#"), guests::tiny("three")).unwrap();
    shows(&host, &[("module:a", "two")]).await;
    fs::remove_file(at("a.wasm~")).unwrap();
    fs::remove_file(at(".a.wasm.swp")).unwrap();
    // The host has seen the temporary files before this.
    host.drop_in("b", guests::tiny("b"));
    shows(&host, &[("module:a", "two"), ("module:b", "b")]).await;
    let page = host.get("/plugins").await.json();
    assert_eq!(
        page["plugins"].as_array().map(Vec::len),
        Some(2),
        "{page:#}"
    );
    assert_eq!(host.plugin("a").await["generation"], 2);
}

#[tokio::test]
async fn a_file_that_is_replaced_and_removed_within_the_window_is_removed() {
    let host = by_events_alone();
    let host = host.plugin("a", guests::tiny("one"));
    let host = host.plugin("b", guests::tiny("b")).start().await;
    shows(&host, &[("module:a", "one"), ("module:b", "b")]).await;
    // Only the event of the removal is left.
    host.drop_in("a", guests::tiny("two"));
    host.take_out("a");
    shows(&host, &[("module:b", "b")]).await;
}

#[tokio::test]
async fn a_file_that_is_briefly_missing_is_not_removed_even_if_others_appear() {
    let host = by_events_alone().config("[checks.a]\nplugin = 'a'");
    let host = host.plugin("a", guests::tiny("0")).start().await;
    shows(&host, &[("a", "0")]).await;
    let dir = host.place().plugins();
    let scratch = dir.clone();
    // Each is another path, so that the directory is scanned all the time.
    let others = tokio::spawn(async move {
        for number in 0.. {
            fs::write(scratch.join(format!("scratch-{number}")), "").unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let mut short_absences = 0;
    while short_absences < 3 {
        let before = host.plugin("a").await["generation"].as_u64();
        let message = format!("{short_absences}, after {before:?}");
        fs::rename(dir.join("a.wasm"), dir.join("a.wasm~")).unwrap();
        let away = Instant::now();
        tokio::time::sleep(Duration::from_millis(60)).await;
        fs::write(dir.join("a.wasm"), guests::tiny(&message)).unwrap();
        // On a busy machine it can be missing for so long that it counts as removed.
        let was_short = away.elapsed() < Duration::from_millis(150);
        host.eventually_check("a", "it is back", |check| check["message"] == message)
            .await;
        if was_short {
            let after = host.plugin("a").await["generation"].as_u64();
            assert_eq!(after, before.map(|before| before + 1), "it was removed");
            short_absences += 1;
        }
    }
    others.abort();
}

#[tokio::test]
async fn a_file_that_is_moved_is_another_plugin() {
    let host = by_events_alone();
    let host = host.plugin("a", guests::tiny("one")).start().await;
    shows(&host, &[("module:a", "one")]).await;
    let at = |name: &str| host.place().plugins().join(name);
    fs::rename(at("a.wasm"), at("b.wasm")).unwrap();
    shows(&host, &[("module:b", "one")]).await;
    assert_eq!(host.get("/health/checks/module:a").await.status, 404);
    // Out of the directory and back.
    let elsewhere = host.place().path().join("elsewhere");
    fs::rename(at("b.wasm"), &elsewhere).unwrap();
    shows(&host, &[]).await;
    fs::rename(&elsewhere, at("a.wasm")).unwrap();
    shows(&host, &[("module:a", "one")]).await;
}

#[tokio::test]
async fn two_files_with_the_same_content_are_two_plugins() {
    let host = by_events_alone();
    let host = host.plugin("a", guests::tiny("one"));
    let host = host.plugin("b", guests::tiny("one")).start().await;
    shows(&host, &[("module:a", "one"), ("module:b", "one")]).await;
    let (a, b) = (host.plugin("a").await, host.plugin("b").await);
    assert_eq!(a["digest"], b["digest"]);
    host.take_out("a");
    shows(&host, &[("module:b", "one")]).await;
    assert_eq!(host.plugin("b").await["loaded_at"], b["loaded_at"]);
    // One inode, two names.
    let at = |name: &str| host.place().plugins().join(name);
    fs::hard_link(at("b.wasm"), at("c.wasm")).unwrap();
    shows(&host, &[("module:b", "one"), ("module:c", "one")]).await;
    host.take_out("b");
    shows(&host, &[("module:c", "one")]).await;
}

#[tokio::test]
async fn hundreds_of_files_at_once_are_all_loaded() {
    let host = by_events_alone();
    let host = host
        .argument("defaults.interval", "1h")
        .argument("defaults.timeout", "1m");
    let host = host.plugin("first", guests::tiny("first")).start().await;
    shows(&host, &[("module:first", "first")]).await;
    for number in 0..BURST {
        let name = format!("staged-{number}");
        host.place().write(&name, guests::tiny(&name));
    }
    for number in 0..BURST {
        let staged = host.place().path().join(format!("staged-{number}"));
        let name = format!("n{number}.wasm");
        fs::rename(staged, host.place().plugins().join(name)).unwrap();
    }
    // They are compiled at low priority, so each batch gets the time that one would get.
    for wanted in (0..=BURST).step_by(30) {
        eventually(&format!("{wanted} of them are healthy"), async || {
            assert_eq!(host.get("/health/live").await.status, 200);
            let health = host.health().await;
            let messages = messages(&health);
            let is_there = |number: &usize| {
                let message = messages.get(format!("module:n{number}").as_str());
                message == Some(&format!("staged-{number}").as_str())
            };
            let there = (0..BURST).filter(is_there).count();
            when(
                there >= wanted && messages["module:first"] == "first",
                there,
            )
        })
        .await;
    }
    // They are removed at once.
    for number in 0..BURST {
        host.take_out(&format!("n{number}"));
    }
    shows(&host, &[("module:first", "first")]).await;
}

const BURST: usize = 300;
