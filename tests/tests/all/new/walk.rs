//! The way of a new author: `vitals new`, then what the README of the new check says to type, with the
//! check's own line in `/health` at its end.
//!
//! Tools that `cargo xtask test` has installed are not installed again, and a crate is built where the
//! example was, which has the same dependencies.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::Value;
use vitals_tests::servers::check_need;
use vitals_tests::{Shell, TestHost, Vitals, guests};

use crate::docs::markdown::{Code, Part};

/// What is special about the walk in one language.
struct Walkthrough {
    lang: &'static str,
    /// What the command line is, and what stands in the guide.
    first: &'static str,
    /// The guest of the tests for which its tools were installed, if they have to be.
    need: Option<&'static str>,
    /// What is there already: the path in the check's directory, and in `target`.
    there: [&'static str; 2],
    /// The lines that bring it.
    brought: &'static [&'static str],
    built: &'static str,
}

const RUST: Walkthrough = Walkthrough {
    lang: "rust",
    first: "vitals new my-check",
    need: None,
    there: ["target", "examples"],
    brought: &[],
    built: "target/wasm32-wasip2/release/my_check.wasm",
};

const JS: Walkthrough = Walkthrough {
    lang: "js",
    first: "vitals new my-check --lang js",
    need: Some("js-quota"),
    there: ["node_modules", "tools/js/node_modules"],
    brought: &["npm install"],
    built: "my-check.wasm",
};

const PYTHON: Walkthrough = Walkthrough {
    lang: "python",
    first: "vitals new my-check --lang python",
    need: Some("python-expiry"),
    there: [".venv", "tools/venv"],
    brought: &[
        "python3 -m venv .venv",
        ".venv/bin/pip install -r requirements.txt",
    ],
    built: "my-check.wasm",
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_in_rust_is_written_tested_built_and_dropped_in_and_becomes_several() {
    let host = host().await;
    let check = RUST.walk(&host, "docs/rust.md").await;
    check.succeed("cargo fmt --check");
    super::guide::the_shop(&check);
    super::guide::several_checks(&check, &host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_in_javascript_is_written_tested_built_and_dropped_in() {
    let host = host().await;
    let check = JS.walk(&host, "docs/javascript.md").await;
    it_says_what_becomes_of_a_file(&check);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_in_python_is_written_tested_built_and_dropped_in() {
    let host = host().await;
    let check = PYTHON.walk(&host, "docs/python.md").await;
    it_says_what_becomes_of_a_file(&check);
}

impl Walkthrough {
    /// Goes it, and answers the shell in the check's directory.
    async fn walk(&self, host: &TestHost, page: &str) -> Shell {
        let shell = self.desk(host);
        let said = shell.succeed(self.first);
        let check = shell.within("my-check");
        let lock = || fs::read_to_string(check.directory().join("Cargo.lock")).ok();
        let lock_as_written = lock();
        if let Some(need) = self.need {
            check_need(need);
        }
        let [there, kept] = self.there;
        let kept = guests::target().join(kept);
        assert!(
            kept.exists(),
            "there is no {}: run `cargo xtask test new`",
            kept.display()
        );
        symlink(kept, check.directory().join(there)).expect("the desk can be written");

        let path = check.directory().join("README.md");
        let readme = Part::of(path.to_str().expect("a path in UTF-8"));
        let [walk, table] =
            <[Code; 2]>::try_from(readme.code()).expect("what to type, and a table");
        assert_eq!(
            (walk.language.as_str(), table.language.as_str()),
            ("sh", "toml")
        );
        // What is printed, and the guide, say the same.
        assert!(said.lines().count() <= 4, "{said}");
        let commands = said
            .lines()
            .skip(2)
            .flat_map(|line| line.trim().split(" && "));
        for command in commands {
            assert!(walk.text.contains(command), "the README has no `{command}`");
        }
        let guide = Part::of(page).section("Create a check").code();
        let whole = format!("{}\ncd my-check\n{}", self.first, walk.text);
        assert_eq!(guide[0].text, whole, "{page}");

        for brought in self.brought {
            assert!(walk.text.lines().any(|line| line == *brought), "{brought}");
        }
        for line in walk
            .text
            .lines()
            .filter(|line| !self.brought.contains(line))
        {
            match line.strip_prefix("curl -s http://127.0.0.1:8000") {
                Some(page) => is_there(host, page, "module:my-check").await,
                None => drop(check.succeed(line)),
            }
        }

        assert_eq!(lock(), lock_as_written, "cargo had to change the lock");

        let built = fs::read(check.directory().join(self.built)).expect("it can be read");
        let table = Vitals::new(["validate"])
            .config(&table.text)
            .plugin("my-check", built);
        let ended = table.run();
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("file /var/backups/last"), "{ended:?}");
        check
    }

    /// A directory to begin in, beside the plugins of a host: the same each time, so that what cargo
    /// calls by its path is built into the same files.
    fn desk(&self, host: &TestHost) -> Shell {
        let desk = guests::target().join("new-check").join(self.lang);
        if desk.exists() {
            fs::remove_dir_all(&desk).expect("the desk can be written");
        }
        fs::create_dir_all(&desk).expect("the desk can be written");
        symlink(host.place().plugins(), desk.join("plugins")).expect("the desk can be written");
        Shell::new(desk, cache())
    }
}

/// A host that keeps compiled code where the commands do, so that a component is compiled once.
async fn host() -> TestHost {
    let kept = cache().join("vitals");
    let kept = kept.to_str().expect("a path in UTF-8");
    TestHost::builder()
        .argument("plugins.cache_dir", kept)
        .start()
        .await
}

fn cache() -> PathBuf {
    guests::target().join("new-check/cache")
}

/// Waits for a check's line on a page, and for it to be healthy.
pub(super) async fn is_there(host: &TestHost, page: &str, name: &str) {
    assert_eq!(page, "/health");
    let is_healthy = |health: &Value| {
        let mut checks = health["checks"].as_array().into_iter().flatten();
        checks.any(|check| check["name"] == name && check["status"] == "healthy")
    };
    host.eventually("what was dropped in is healthy", is_healthy)
        .await;
}

/// The component, past what its own tests can reach: the host's answers about a file.
fn it_says_what_becomes_of_a_file(check: &Shell) {
    let run = |file: &str, hours: u32| {
        let settings = format!(r#"{{"file":"{file}","degraded_above_hours":{hours}}}"#);
        let ended = check.run(&format!(
            "vitals check my-check.wasm --settings '{settings}'"
        ));
        String::from_utf8_lossy(&ended.stdout).into_owned()
    };
    let here: PathBuf = check.directory().join("README.md");
    let here = here.to_str().expect("a path in UTF-8");
    let young = run(here, 1);
    assert!(
        young.starts_with("my-check: healthy - the clock is set\n"),
        "{young}"
    );
    assert!(young.contains("(degraded above 3600)"), "{young}");
    check.succeed("touch -d '3 hours ago' README.md");
    let old = run(here, 2);
    assert!(
        old.starts_with(&format!("my-check: degraded - {here} is 3 hours old\n")),
        "{old}"
    );
    let missing = run("/nowhere", 1);
    assert!(
        missing.starts_with("my-check: unhealthy - there is no /nowhere\n"),
        "{missing}"
    );
    let refused = run("/proc/1/environ", 1);
    assert!(
        refused.starts_with("my-check: unhealthy - cannot stat /proc/1/environ: it shows "),
        "{refused}"
    );
}
