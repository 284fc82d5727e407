//! Where the file of a plugin comes from: the library, or the plugins directory, which is made to be
//! written to. And how many files there may be, and what it means when the host itself can't read one.

use std::fs;

use serde_json::Value;
use vitals_host::check::Digest;
use vitals_tests::{Serving, TestHost, TestHostBuilder, Vitals, eventually, guests};

/// A host whose checks take from the plugins directory only what they say.
fn strict() -> TestHostBuilder {
    TestHost::builder().argument("defaults.dir", "false")
}

#[tokio::test]
async fn a_file_that_is_dropped_in_takes_over_no_check_of_the_library() {
    let host = strict()
        .config("[checks.named]\nplugin = 'thing'")
        .library("thing", guests::HELLO)
        .start()
        .await;
    assert_eq!(host.check("named").await["message"], "hello");
    host.drop_in("thing", guests::EXAMPLE_CLOCK);
    host.drop_in("other", guests::HELLO);
    host.eventually_check("module:other", "it is known", |check| {
        check["status"] == "healthy"
    })
    .await;
    let health = host.health().await;
    let names: Vec<_> = health["checks"].as_array().into_iter().flatten().collect();
    assert_eq!(names.len(), 2, "it is no check of its own: {health:#}");
    assert_eq!(host.check("named").await["message"], "hello");
    let plugin = host.plugin("thing").await;
    assert_eq!(
        (&plugin["source"], &plugin["generation"]),
        (&"library".into(), &1.into())
    );

    // Not where the library has none either.
    fs::remove_file(host.place().library().join("thing.wasm")).unwrap();
    let check = host
        .eventually_check("named", "it has no file", |check| {
            check["error"]["code"] == "load"
        })
        .await;
    let message = host.tidy(check["message"].as_str().unwrap_or_default());
    assert_eq!(
        message,
        "cannot load plugin `thing` for check `named`: it is only in <dir>/plugins, and checks of the \
         configuration take their plugin from the library <dir>/library: write `dir = true` in \
         `[checks.named]`, or move thing.wasm to <dir>/library"
    );
}

#[tokio::test]
async fn a_check_takes_a_file_of_the_directory_if_it_says_so_or_says_which() {
    let hello = guests::HELLO.bytes();
    let digest = Digest::of(&hello);
    let config = format!(
        "[checks.says-so]\nplugin = 'one'\ndir = true\n\
         [checks.says-which]\nplugin = 'two'\nsha256 = '{digest}'\n\
         [checks.says-another]\nplugin = 'three'\nsha256 = '{digest}'\n\
         [checks.says-nothing]\nplugin = 'one'"
    );
    let host = strict()
        .config(&config)
        .plugin("one", hello.clone())
        .plugin("two", hello)
        .plugin("three", guests::EXAMPLE_CLOCK)
        .start()
        .await;
    for name in ["says-so", "says-which"] {
        assert_eq!(host.check(name).await["message"], "hello", "{name}");
    }
    for (name, why) in [
        ("says-another", "the configuration asks for"),
        (
            "says-nothing",
            "write `dir = true` in `[checks.says-nothing]`",
        ),
    ] {
        let check = host.check(name).await;
        let message = check["message"].as_str().unwrap_or_default();
        assert!(message.contains(why), "{name}: {message}");
    }
}

#[tokio::test]
async fn what_ran_by_itself_never_gets_what_a_later_check_says() {
    let host = strict()
        .reloading()
        .plugin("thing", guests::EXAMPLE_CLOCK)
        .start()
        .await;
    assert_eq!(host.check("module:thing").await["status"], "healthy");
    // The operator means the library's, which is broken.
    host.place().write("library/thing.wasm", "garbage");
    host.reconfigure("[checks.named]\nplugin = 'thing'");
    let reload = host.reload(&[]).await;
    assert!(reload.has_rejections(), "{reload:?}");
    let check = host.check("named").await;
    assert_eq!(check["error"]["code"], "load", "{check:#}");
    host.place()
        .write("library/thing.wasm", guests::HELLO.bytes());
    host.eventually_check("named", "that of the library", |check| {
        check["message"] == "hello"
    })
    .await;
}

#[tokio::test]
async fn a_change_of_source_is_a_warning() {
    let vitals = Vitals::new(["serve"]).config(
        "[server]\nlisten = '127.0.0.1:0'\n[plugins]\nlibrary = 'library'\n\
         [checks.named]\nplugin = 'thing'\ndir = true\n[checks.strict]\nplugin = 'strict'",
    );
    for name in ["thing", "strict"] {
        let file = format!("library/{name}.wasm");
        vitals.place().write(&file, guests::HELLO.bytes());
    }
    let serving = vitals.serve().await;
    let place = serving.place();
    for name in ["thing", "strict"] {
        logged(&serving, &format!("check is healthy|plugin={name}")).await;
    }
    for name in ["thing", "strict"] {
        let file = format!("plugins/{name}.wasm");
        place.write(&file, guests::EXAMPLE_CLOCK.bytes());
    }
    logged(
        &serving,
        "WARN|plugin is loaded from another directory|plugin=thing|from=\"library\"",
    )
    .await;
    logged(
        &serving,
        "WARN|plugin file in the plugins directory is ignored|plugin=strict",
    )
    .await;
    fs::remove_file(place.plugins().join("thing.wasm")).unwrap();
    logged(
        &serving,
        "WARN|plugin is loaded from another directory|to=\"library\"",
    )
    .await;
}

#[tokio::test]
async fn files_without_end_push_out_none_that_a_check_names_and_are_said() {
    let builder = TestHost::builder().config(
        "[defaults]\ncritical = false\ninterval = '1h'\n[checks.named]\nplugin = 'zz'\n\
         [checks.late]\nplugin = 'zzz'",
    );
    for number in 0..1100 {
        builder
            .place()
            .write(&format!("plugins/aa-{number:04}.wasm"), "garbage");
    }
    let host = builder.plugin("zz", guests::HELLO).start().await;
    assert_eq!(host.check("named").await["message"], "hello");
    let directory = host.get("/plugins").await.json()["directory"].clone();
    assert_eq!(
        (&directory["left_out"], &directory["readable"]),
        (&76.into(), &true.into())
    );
    let error = host.tidy(directory["error"].as_str().unwrap_or_default());
    assert!(
        error.starts_with("76 files in the plugins directory <dir>/plugins are ignored"),
        "{error}"
    );
    let reload = host.reload(&[]).await;
    assert!(
        reload.problems.iter().any(|it| it.contains("are ignored")),
        "{:?}",
        reload.problems
    );
    // One that comes now, too.
    host.drop_in("zzz", guests::HELLO);
    host.eventually_check("late", "it is loaded", |check| check["message"] == "hello")
        .await;
    for number in 0..100 {
        host.take_out(&format!("aa-{number:04}"));
    }
    eventually("all files count", async || {
        let directory = host.get("/plugins").await.json()["directory"].clone();
        let counts = directory["left_out"] == 0 && directory["error"].is_null();
        counts.then_some(()).ok_or_else(|| directory.to_string())
    })
    .await;
}

/// Waits for a line of the log with all parts of `words` in it, which `|` separates.
async fn logged(serving: &Serving, words: &str) {
    eventually(&format!("{words} in the log"), async || {
        let log = serving.log();
        let has_all = |line: &String| words.split('|').all(|part| line.contains(part));
        log.iter()
            .any(has_all)
            .then_some(())
            .ok_or_else(|| log.join("\n"))
    })
    .await;
}

#[tokio::test]
async fn a_host_without_descriptors_says_nothing_of_the_plugin_and_stays_ready() {
    let serving = Vitals::new(["serve"])
        .config(
            "[server]\nlisten = '127.0.0.1:0'\n[plugins]\nlibrary = 'plugins'\nrescan = '1h'\n\
             [checks.good]\nplugin = 'good'",
        )
        .plugin("good", guests::HELLO)
        .serve()
        .await;
    // Nobody has connected yet whose descriptor could come free.
    logged(&serving, "check is healthy|check=good").await;
    let limited = serving.limit_descriptors(1).await;

    // Enough to list a directory, and not to read a file.
    serving
        .place()
        .write("plugins/other.wasm", guests::tiny("late"));
    logged(
        &serving,
        "WARN|plugin not loaded, the host lacks resources|plugin=other",
    )
    .await;
    let better = guests::EXAMPLE_CLOCK.bytes();
    serving.place().write("plugins/good.wasm", better);
    logged(
        &serving,
        "WARN|plugin not loaded, the host lacks resources|plugin=good",
    )
    .await;
    drop(limited);

    let check = page(&serving, "module:other").await;
    assert_eq!(
        (&check["status"], &check["error"]["code"]),
        (&"unknown".into(), &"load".into())
    );
    assert_eq!(
        page(&serving, "good").await["message"],
        "hello",
        "the last good one serves"
    );
    assert_eq!(serving.get("/health/ready").await.unwrap().status, 200);

    // A look is the time to try again.
    serving.hang_up();
    eventually("both are there", async || {
        let (other, good) = (
            page(&serving, "module:other").await,
            page(&serving, "good").await,
        );
        let there = other["message"] == "late" && good["message"] != "hello";
        there
            .then_some(())
            .ok_or_else(|| format!("{other:#}\n{good:#}"))
    })
    .await;
}

async fn page(serving: &Serving, check: &str) -> Value {
    let page = serving.get(&format!("/health/checks/{check}")).await;
    page.expect("it answers").json()
}
