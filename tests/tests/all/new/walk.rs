//! The first steps of an author: `vitals new`, then the commands in the README of the new check, until
//! the check is in `/health`. Where they request a URL, the test puts that of its own server there.
//!
//! Tools that `cargo xtask test` has installed are not installed again, and a crate is built in the
//! target directory of the example, which has the same dependencies.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::{Value, json};
use vitals_tests::servers::check_need;
use vitals_tests::{Shell, TestHost, Vitals, guests};

use crate::docs::markdown::{Code, Part};
use crate::scripts::https::HttpsServer;

/// The differences between the languages.
struct Walkthrough {
    lang: &'static str,
    /// The page of the guide.
    page: &'static str,
    /// The first command, which is in the guide.
    first: &'static str,
    /// The guest of the tests whose tools are needed, if there are any.
    need: Option<&'static str>,
    /// What is installed already: its path in the directory of the check, and in `target`.
    installed: [&'static str; 2],
    /// The commands that install it.
    install: &'static [&'static str],
    built: &'static str,
    /// What the table of the README lets the check reach.
    grant: &'static str,
}

const RUST: Walkthrough = Walkthrough {
    lang: "rust",
    page: "docs/rust.md",
    first: "vitals new my-check",
    need: None,
    installed: ["target", "examples"],
    install: &[],
    built: "target/wasm32-wasip2/release/my_check.wasm",
    grant: "file /var/backups/last",
};

const JS: Walkthrough = Walkthrough {
    lang: "js",
    page: "docs/javascript.md",
    first: "vitals new my-check --lang js",
    need: Some("js-quota"),
    installed: ["node_modules", "tools/js/node_modules"],
    install: &["npm install"],
    built: "my-check.wasm",
    grant: "http https://shop.example",
};

const PYTHON: Walkthrough = Walkthrough {
    lang: "python",
    page: "docs/python.md",
    first: "vitals new my-check --lang python",
    need: Some("python-expiry"),
    installed: [".venv", "tools/venv"],
    install: &[
        "python3 -m venv .venv",
        ".venv/bin/pip install -r requirements.txt",
    ],
    ..JS
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_in_rust_is_written_tested_built_and_dropped_in_and_becomes_several() {
    let (host, check) = RUST.walk(None).await;
    check.succeed("cargo fmt --check");
    super::guide::the_shop(&check);
    super::guide::several_checks(&check, &host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_in_javascript_is_written_tested_built_and_dropped_in() {
    JS.walk_and_request().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_in_python_is_written_tested_built_and_dropped_in() {
    PYTHON.walk_and_request().await;
}

impl Walkthrough {
    /// Takes these steps. Returns the host, and a shell in the directory of the check. A server takes
    /// the place of the one in the README.
    async fn walk(&self, server: Option<&HttpsServer>) -> (TestHost, Shell) {
        // A host that caches compiled code where the commands do, so that a component is compiled once.
        let cache = guests::target().join("new-check/cache");
        let builder = TestHost::builder().env("SHOP_TOKEN", TOKEN).reloading();
        let of_host = cache.join("vitals").display().to_string();
        let host = builder
            .argument("plugins.cache_dir", &of_host)
            .start()
            .await;
        let shell = self.shell(&host, cache);
        let printed = shell.succeed(self.first);
        let check = shell.within("my-check");
        let lock = || fs::read_to_string(check.directory().join("Cargo.lock")).ok();
        let written_lock = lock();
        if let Some(need) = self.need {
            check_need(need);
        }
        let [link, installed] = self.installed;
        let installed = guests::target().join(installed);
        assert!(
            installed.exists(),
            "there is no {}: run `cargo xtask test new`",
            installed.display()
        );
        symlink(installed, check.directory().join(link)).expect("it is new");

        let path = check.directory().join("README.md");
        let readme = Part::of(path.to_str().expect("a path in UTF-8"));
        let [walk, table] = <[Code; 2]>::try_from(readme.code()).expect("commands, and a table");
        assert_eq!(
            (walk.language.as_str(), table.language.as_str()),
            ("sh", "toml")
        );
        // The output and the guide have the same commands.
        assert!(printed.lines().count() <= 4, "{printed}");
        let commands = printed.lines().skip(2);
        for command in commands.flat_map(|line| line.trim().split(" && ")) {
            assert!(walk.text.contains(command), "the README has no `{command}`");
        }
        let guide = Part::of(self.page).section("Create a check").code();
        let whole = format!("{}\ncd my-check\n{}", self.first, walk.text);
        assert_eq!(guide[0].text, whole, "{}", self.page);

        let (install, others): (Vec<_>, Vec<_>) = walk
            .text
            .lines()
            .partition(|line| self.install.contains(line));
        assert_eq!(install, self.install);
        let reachable = |text: &str| match server {
            Some(server) => text.replace(EXAMPLE, &server.url("")),
            None => text.to_owned(),
        };
        if let Some(server) = server {
            let roots = format!("[tls]\nroots = ['{}']\n", server.roots().display());
            fs::write(check.directory().join("vitals.toml"), &roots).expect("it can be written");
            host.reconfigure(&(reachable(&table.text) + &roots));
        }
        for line in others {
            match line.strip_prefix("curl -s http://127.0.0.1:8000") {
                Some(page) => is_there(&host, page, "module:my-check").await,
                None => drop(check.succeed(&reachable(line))),
            }
        }
        assert_eq!(lock(), written_lock, "cargo had to change the lock");

        let built = fs::read(check.directory().join(self.built)).expect("it can be read");
        let validate = Vitals::new(["validate"]).config(&table.text);
        let validate = validate.env("SHOP_TOKEN", TOKEN);
        let ended = validate.plugin("my-check", built).exits(0);
        assert!(ended.stdout.contains(self.grant), "{ended}");
        (host, check)
    }

    /// Takes the steps of a check that makes HTTPS requests, and some others with it.
    async fn walk_and_request(&self) {
        let server = HttpsServer::start(&[
            ("/queue", r#"{ "waiting": 3 }"#),
            ("/page", "<html>"),
            ("/other", "[]"),
        ]);
        let (host, check) = self.walk(Some(&server)).await;
        let is_healthy = |check: &Value| check["status"] == "healthy";
        let queue = host.eventually_check("queue", "it is healthy", is_healthy);
        let queue = queue.await;
        assert_eq!(queue["message"], "3 jobs wait", "{queue:#}");
        let measurement = json!([{ "name": "waiting", "value": 3.0, "unit": "", "degraded_at": { "above": 20.0 } }]);
        assert_eq!(queue["result"]["measurements"], measurement, "{queue:#}");
        let requests = server.requests();
        // That of the command, and that of the host.
        assert!(requests.len() >= 2, "{requests:?}");
        let bearer = format!("\r\nauthorization: Bearer {TOKEN}\r\n");
        for request in requests {
            assert!(request.contains(&bearer), "{request}");
        }
        results_of_requests(&check, &server);
    }

    /// A shell in a directory beside the plugins of the host. Its path never changes, so that cargo
    /// builds into the same files.
    fn shell(&self, host: &TestHost, cache: PathBuf) -> Shell {
        let directory = guests::target().join("new-check").join(self.lang);
        if directory.exists() {
            fs::remove_dir_all(&directory).expect("it can be removed");
        }
        fs::create_dir_all(&directory).expect("it can be made");
        symlink(host.place().plugins(), directory.join("plugins")).expect("it is new");
        Shell::new(directory, cache)
    }
}

/// Waits until a check is on a page, and healthy.
pub(super) async fn is_there(host: &TestHost, page: &str, name: &str) {
    assert_eq!(page, "/health");
    let is_healthy = |health: &Value| {
        let mut checks = health["checks"].as_array().into_iter().flatten();
        checks.any(|check| check["name"] == name && check["status"] == "healthy")
    };
    host.eventually("the new check is healthy", is_healthy)
        .await;
}

/// Tests a component beyond its own tests: what it reports about responses, and where there is none.
fn results_of_requests(check: &Shell, server: &HttpsServer) {
    let run = |url: &str, options: &str| {
        let settings = format!(r#"{{"url":"{url}","degraded_above":2}}"#);
        let ended = check.run(&format!(
            "vitals check my-check.wasm --settings '{settings}' {options}"
        ));
        String::from_utf8_lossy(&ended.stdout).into_owned()
    };
    for (path, expected) in [
        ("/queue", "degraded - 3 jobs wait"),
        ("/nothing", "unhealthy - the status is 404"),
        ("/page", "unhealthy - the response is not JSON: "),
        (
            "/other",
            "unhealthy - the response does not say how many jobs wait",
        ),
    ] {
        let output = run(&server.url(path), "");
        assert!(
            output.starts_with(&format!("my-check: {expected}")),
            "{output}"
        );
    }
    let silent = server.url("/silent");
    check.succeed("echo '[tls]' > untrusting.toml");
    for (url, options, expected) in [
        ("https://127.0.0.1:1/", "", "connection refused\n"),
        (
            &silent,
            "--timeout 1s",
            "timed out in the phase `first-byte`\n",
        ),
        (
            &silent,
            "--config untrusting.toml",
            "the certificate of 127.0.0.1 is not trusted: ",
        ),
    ] {
        let expected = format!("my-check: unhealthy - cannot get {url}: {expected}");
        let output = run(url, options);
        assert!(output.starts_with(&expected), "{output}");
    }
}

/// The server in the READMEs.
const EXAMPLE: &str = "https://shop.example";
/// The token in the READMEs.
const TOKEN: &str = "let-me-in";
