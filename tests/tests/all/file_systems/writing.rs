//! How files are written: in place and in pieces, renamed into place, copied over, by editors, moved,
//! many at once.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use vitals_tests::{eventually, guests};

use super::{by_events_alone, messages, plugins, shows};

#[tokio::test]
async fn a_slow_copy_over_a_good_plugin_is_no_failure_and_ends_in_the_new_one() {
    let host = by_events_alone().plugin("a", guests::HELLO).start().await;
    shows(&host, &[("module:a", "hello")]).await;
    let bytes = guests::EXAMPLE_CLOCK.bytes();
    let mut file = File::create(host.place().plugins().join("a.wasm")).unwrap();
    for chunk in bytes.chunks(bytes.len() / 30 + 1) {
        file.write_all(chunk).unwrap();
        // That is how a slow copy goes.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let health = host.health().await;
        assert_eq!(messages(&health)["module:a"], "hello");
    }
    drop(file);
    eventually("the new one serves", async || {
        let plugin = host.plugin("a").await;
        if plugin["generation"] == 2 && plugin["last_error"].is_null() {
            Ok(())
        } else {
            Err(format!("{plugin:#}"))
        }
    })
    .await;
    shows(&host, &[("module:a", "the clock is plausible")]).await;
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
async fn what_an_editor_leaves_beside_a_file_is_no_plugin() {
    let host = by_events_alone();
    let host = host.plugin("a", guests::tiny("one")).start().await;
    shows(&host, &[("module:a", "one")]).await;
    let at = |name: &str| host.place().plugins().join(name);
    // vim with `backup` tries whether it can make files here, and keeps a swap file meanwhile.
    fs::write(at(".a.wasm.swp"), "b0VIM").unwrap();
    fs::write(at("4913"), "").unwrap();
    fs::remove_file(at("4913")).unwrap();
    fs::rename(at("a.wasm"), at("a.wasm~")).unwrap();
    fs::write(at("a.wasm"), guests::tiny("two")).unwrap();
    // Emacs has a link to nowhere as its lock, and its own copy.
    std::os::unix::fs::symlink("me@host.1:1", at(".#a.wasm")).unwrap();
    fs::write(at("#a.wasm#"), guests::tiny("three")).unwrap();
    shows(&host, &[("module:a", "two")]).await;
    fs::remove_file(at("a.wasm~")).unwrap();
    fs::remove_file(at(".a.wasm.swp")).unwrap();
    // Whatever became of the helpers, it came before this.
    host.drop_in("b", guests::tiny("b"));
    shows(&host, &[("module:a", "two"), ("module:b", "b")]).await;
    let page = host.get("/plugins").await.json();
    let plugins = plugins(&page);
    assert_eq!(plugins.len(), 2, "{page:#}");
    assert_eq!(plugins["a"]["generation"], 2, "{page:#}");
}

#[tokio::test]
async fn a_file_that_comes_and_goes_within_the_window_is_not_forgotten() {
    let host = by_events_alone();
    let host = host.plugin("a", guests::tiny("one"));
    let host = host.plugin("b", guests::tiny("b")).start().await;
    shows(&host, &[("module:a", "one"), ("module:b", "b")]).await;
    // Replaced by a file that is new here, and taken out: all that is left of it is that it went.
    host.drop_in("a", guests::tiny("two"));
    host.take_out("a");
    shows(&host, &[("module:b", "b")]).await;
}

#[tokio::test]
async fn a_file_that_is_away_for_a_moment_is_not_gone_although_others_come() {
    let host = by_events_alone().config("[checks.a]\nplugin = 'a'");
    let host = host.plugin("a", guests::tiny("0")).start().await;
    shows(&host, &[("a", "0")]).await;
    let dir = host.place().plugins();
    let scratch = dir.clone();
    // Each is another path, so that the directory is looked at all the time.
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
        // On a busy machine it can have been away for so long that it counts as gone.
        let was_short = away.elapsed() < Duration::from_millis(150);
        host.eventually_check("a", "it is back", |check| check["message"] == message)
            .await;
        if was_short {
            let after = host.plugin("a").await["generation"].as_u64();
            assert_eq!(after, before.map(|before| before + 1), "it was gone");
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
    // Out of the directory, and in again.
    let elsewhere = host.place().path().join("elsewhere");
    fs::rename(at("b.wasm"), &elsewhere).unwrap();
    shows(&host, &[]).await;
    fs::rename(&elsewhere, at("a.wasm")).unwrap();
    shows(&host, &[("module:a", "one")]).await;
}

#[tokio::test]
async fn two_files_of_one_content_are_two_plugins() {
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
async fn hundreds_of_files_at_once_are_all_taken_in() {
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
    // They are compiled at low priority: so many get more time than one, as long as they come.
    for wanted in (0..=BURST).step_by(30) {
        eventually(&format!("{wanted} of them are healthy"), async || {
            assert_eq!(host.get("/health/live").await.status, 200);
            let health = host.health().await;
            let messages = messages(&health);
            let is_there = |number: &usize| {
                let said = messages.get(format!("module:n{number}").as_str());
                said == Some(&format!("staged-{number}").as_str())
            };
            let there = (0..BURST).filter(is_there).count();
            if there >= wanted && messages["module:first"] == "first" {
                Ok(())
            } else {
                Err(format!("{there} are there"))
            }
        })
        .await;
    }
    // And they go at once.
    for number in 0..BURST {
        host.take_out(&format!("n{number}"));
    }
    shows(&host, &[("module:first", "first")]).await;
}

const BURST: usize = 300;
