//! `docs/write-a-check.md`: what it shows is built and run, here or as a documentation test of the SDK.

use std::fs;

use vitals_tests::{Shell, TestHost, Vitals, guests};

use super::walk::is_there;
use crate::docs::markdown::{Code, Part};

/// Makes of a new crate the one that the guide has for several checks, builds it and drops it in.
pub(super) async fn several_checks(check: &Shell, host: &TestHost) {
    let code = Part::of(GUIDE)
        .section("Several checks in one crate")
        .code();
    let [manifest, shared, queue, worker, commands] = <[Code; 5]>::try_from(code).expect("five");
    let write = |path: &str, text: &str| {
        let path = check.directory().join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("the desk can be written");
        fs::write(path, text).expect("the desk can be written");
    };
    let path = check.directory().join("Cargo.toml");
    let before = fs::read_to_string(&path).expect("it can be read");
    let lib = "[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n";
    assert!(before.contains(lib));
    fs::write(&path, before.replace(lib, &manifest.text)).expect("the desk can be written");
    write("src/lib.rs", &shared.text);
    write("examples/queue.rs", &queue.text);
    write("examples/worker.rs", &worker.text);
    for line in commands.text.lines() {
        match line.strip_prefix("curl -s http://127.0.0.1:8000") {
            Some(page) => {
                is_there(host, page, "module:queue").await;
                is_there(host, page, "module:worker").await;
            }
            None => drop(check.succeed(line)),
        }
    }
}

/// Makes of a new crate the check that the guide explains, tests and builds it, and holds it against the
/// configuration that an operator would write.
pub(super) fn the_shop(check: &Shell) {
    let guide = Part::of(GUIDE);
    let rust = guide.section("What a check is made of").code();
    let rust: Vec<_> = rust.into_iter().map(|code| code.text).collect();
    fs::write(check.directory().join("src/lib.rs"), rust.join("\n"))
        .expect("the desk can be written");
    check.succeed("cargo fmt --check");
    let tested = check.succeed("cargo test");
    assert!(tested.contains("2 passed"), "{tested}");
    check.succeed("cargo build --release --target wasm32-wasip2");
    let built = check
        .directory()
        .join("target/wasm32-wasip2/release/my_check.wasm");
    let tables = guide.section("What an operator writes").code();
    let ended = Vitals::new(["validate"])
        .config(&tables[0].text)
        .env("SHOP_TOKEN", "let-me-in")
        .plugin("shop", fs::read(built).expect("it can be read"))
        .run();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    for line in [
        "shop-eu: valid, may reach http https://shop.example\n",
        "shop-us: valid, may reach http https://shop.example.com\n",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {ended:?}");
    }
}

#[test]
fn the_scripts_of_the_guide_are_those_of_the_templates() {
    let read = |path: &str| fs::read_to_string(guests::root().join(path)).expect("it can be read");
    let sources = SCRIPTS.map(read).join("\n");
    let code = Part::of(GUIDE).code();
    let scripts: Vec<_> = code
        .iter()
        .filter(|code| ["js", "python"].contains(&code.language.as_str()))
        .collect();
    assert!(scripts.len() >= 2, "{scripts:?}");
    for script in scripts {
        assert!(
            sources.contains(&script.text),
            "nobody runs this:\n{}",
            script.text
        );
    }
    for code in &code {
        assert!(
            !code.language.is_empty(),
            "code of no language:\n{}",
            code.text
        );
    }
}

const GUIDE: &str = "docs/write-a-check.md";
const SCRIPTS: [&str; 4] = [
    "host/cli/templates/js/check.js",
    "host/cli/templates/js/judge.js",
    "host/cli/templates/python/app.py",
    "host/cli/templates/python/judge.py",
];
