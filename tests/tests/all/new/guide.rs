//! The guide for authors: the tests build and run the code that its pages show.

use std::fs;

use vitals_tests::{Shell, TestHost, Vitals, repository};

use super::walk::is_there;
use crate::docs::markdown::{Code, Part};

/// Turns a new crate into that of the guide with several checks, builds it and drops it in.
pub(super) async fn several_checks(check: &Shell, host: &TestHost) {
    let code = Part::of(RUST)
        .section("Put several checks in one crate")
        .code();
    let [manifest, shared, queue, worker, commands] = <[Code; 5]>::try_from(code).expect("five");
    let write = |path: &str, text: &str| {
        let path = check.directory().join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
    };
    let before = repository::read(check.directory().join("Cargo.toml"));
    let lib = "[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n";
    assert!(before.contains(lib));
    write("Cargo.toml", &before.replace(lib, &manifest.text));
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

/// Turns a new crate into the check that the guide explains, tests and builds it, and validates the
/// configuration that an operator would write.
pub(super) fn the_shop(check: &Shell) {
    let rust = Part::of(RUST).section("Understand a check").code();
    let rust: Vec<_> = rust.into_iter().map(|code| code.text).collect();
    let path = check.directory().join("src/lib.rs");
    fs::write(path, rust.join("\n")).expect("it can be written");
    check.succeed("cargo fmt --check");
    let tested = check.succeed("cargo test");
    assert!(tested.contains("2 passed"), "{tested}");
    check.succeed("cargo build --release --target wasm32-wasip2");
    let built = check
        .directory()
        .join("target/wasm32-wasip2/release/my_check.wasm");
    let tables = Part::of("docs/write-a-check.md").code();
    let ended = Vitals::new(["validate"])
        .config(&tables[0].text)
        .env("SHOP_TOKEN", "let-me-in")
        .plugin("shop", fs::read(built).expect("it can be read"))
        .exits(0);
    for line in [
        "shop-eu: valid, may reach http https://shop.example\n",
        "shop-us: valid, may reach http https://shop.example.com\n",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {ended}");
    }
}

#[test]
fn the_scripts_of_the_guide_are_those_of_the_templates_and_the_test_guests() {
    let sources = SCRIPTS.map(repository::read).join("\n");
    let pages = [RUST, "docs/javascript.md", "docs/python.md"];
    let mut scripts = 0;
    for code in pages.map(|page| Part::of(page).code()).concat() {
        let text = code.text;
        assert!(!code.language.is_empty(), "code without language:\n{text}");
        if ["js", "python"].contains(&code.language.as_str()) {
            assert!(
                sources.contains(&text),
                "nothing that is tested has this:\n{text}"
            );
            scripts += 1;
        }
    }
    assert!(scripts >= 2, "{scripts} scripts");
}

const RUST: &str = "docs/rust.md";
const SCRIPTS: [&str; 6] = [
    "host/cli/templates/js/check.js",
    "host/cli/templates/js/judge.js",
    "host/cli/templates/python/app.py",
    "host/cli/templates/python/judge.py",
    "tests/script-guests/js/check.js",
    "tests/script-guests/python/app.py",
];
