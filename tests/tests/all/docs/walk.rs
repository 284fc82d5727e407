//! "Write your first check" in `docs/getting-started.md`: this test runs its commands, writes its
//! files, and waits for the results that it promises.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::{fs, io};

use vitals_tests::{Shell, TestHost, Vitals, guests};

use super::markdown::Part;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_check_is_written_built_tried_and_dropped_in() {
    let walk = Part::of("docs/getting-started.md").section("Write your first check");
    let code = walk.code();
    let languages: Vec<_> = code.iter().map(|code| code.language.as_str()).collect();
    assert_eq!(languages, ["sh", "rust", "sh", "sh", "toml"]);
    let host = TestHost::builder().start().await;
    let work = WorkDirectory::beside_a_clone(&host.place().plugins()).unwrap();

    let mut directory = "";
    for line in code[0].text.lines() {
        match line.strip_prefix("cd ") {
            Some(next) => directory = next,
            None => work.succeed(directory, line),
        }
    }
    work.prepare(directory).unwrap();
    fs::write(work.0.join(directory).join("src/lib.rs"), &code[1].text).unwrap();

    for line in code[2].text.lines() {
        if line.contains("vitals check") {
            let ended = work.shell(directory).run(line);
            assert_eq!(ended.status.code(), Some(2), "{ended:?}");
            let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
            let printed = format!("`{}`", printed.lines().next().unwrap_or_default());
            for promised in [printed.as_str(), "exit status 2"] {
                let is_there = walk.text().contains(promised);
                assert!(is_there, "{promised} is not on the page");
            }
        } else if line.starts_with("curl ") {
            runs(&host, line, 1).await;
        } else if !line.starts_with("sleep ") {
            work.succeed(directory, line);
        }
    }

    for line in code[3].text.lines() {
        if line.starts_with("curl ") {
            runs(&host, line, 2).await;
        } else if !line.starts_with("sleep ") {
            work.succeed(directory, line);
        }
    }

    let built = fs::read(host.place().plugins().join("licence.wasm")).unwrap();
    let table = Vitals::new(["validate"]).config(&code[4].text);
    table.plugin("licence", built).exits(0);
}

/// Waits until the check in the URL of a line is healthy with this generation of the plugin.
async fn runs(host: &TestHost, line: &str, generation: u64) {
    let (_, path) = line.split_once(":8000").expect("the demo's address");
    let name = path.rsplit('/').next().expect("a name");
    host.eventually_check(name, "the new plugin is healthy", |check| {
        check["status"] == "healthy" && check["plugin"]["generation"] == generation
    })
    .await;
}

/// The directory in which the page begins, beside a clone, `vitals`. Its path never changes, so that
/// cargo builds into the same files.
struct WorkDirectory(PathBuf);

impl WorkDirectory {
    /// The clone is this repository, except that `plugins` is the plugins directory of the demo.
    fn beside_a_clone(plugins: &Path) -> io::Result<Self> {
        let work = guests::target().join("new-check/readme");
        if work.exists() {
            fs::remove_dir_all(&work)?;
        }
        let clone = work.join("vitals");
        fs::create_dir_all(clone.join("target/debug"))?;
        fs::create_dir_all(clone.join("target/demo"))?;
        for entry in fs::read_dir(guests::root())? {
            let entry = entry?;
            if entry.file_name() != "target" {
                symlink(entry.path(), clone.join(entry.file_name()))?;
            }
        }
        let binary = "target/debug/vitals";
        symlink(guests::root().join(binary), clone.join(binary))?;
        symlink(plugins, clone.join("target/demo/plugins"))?;
        Ok(Self(work))
    }

    /// Gives a new crate the target directory in which `cargo xtask guests` has built its dependencies.
    fn prepare(&self, directory: &str) -> io::Result<()> {
        let kept = guests::target().join("examples");
        symlink(kept, self.0.join(directory).join("target"))
    }

    fn succeed(&self, directory: &str, line: &str) {
        self.shell(directory).succeed(line);
    }

    fn shell(&self, directory: &str) -> Shell {
        Shell::new(
            self.0.join(directory),
            guests::target().join("new-check/cache"),
        )
    }
}
