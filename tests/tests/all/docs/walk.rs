//! "Write your first check" in `docs/getting-started.md`: this test types its commands, writes its
//! files, and looks for the results that it promises.

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
    let desk = Desk::beside_a_clone(&host.place().plugins()).unwrap();

    let mut directory = "";
    for line in code[0].text.lines() {
        match line.strip_prefix("cd ") {
            Some(next) => directory = next,
            None => desk.succeed(directory, line),
        }
    }
    desk.prepare(directory).unwrap();
    fs::write(desk.0.join(directory).join("src/lib.rs"), &code[1].text).unwrap();

    for line in code[2].text.lines() {
        if line.contains("vitals check") {
            let tried = desk.shell(directory).run(line);
            let said = String::from_utf8_lossy(&tried.stdout).into_owned();
            let said = format!("`{}`", said.lines().next().unwrap_or_default());
            let ended = format!("exit status {}", tried.status.code().unwrap_or(-1));
            assert_eq!(tried.status.code(), Some(2), "{tried:?}");
            for promised in [&said, &ended] {
                assert!(
                    walk.text().contains(promised),
                    "{promised} is not on the page"
                );
            }
        } else if line.starts_with("curl ") {
            runs(&host, line, 1).await;
        } else if !line.starts_with("sleep ") {
            desk.succeed(directory, line);
        }
    }

    for line in code[3].text.lines() {
        if line.starts_with("curl ") {
            runs(&host, line, 2).await;
        } else if !line.starts_with("sleep ") {
            desk.succeed(directory, line);
        }
    }

    let built = fs::read(host.place().plugins().join("licence.wasm")).unwrap();
    let table = Vitals::new(["validate"]).config(&code[4].text);
    let ended = table.plugin("licence", built).run();
    assert_eq!(ended.status, Some(0), "{ended:?}");
}

/// Waits until the check that a line asks for is healthy with the plugin's `generation`th version.
async fn runs(host: &TestHost, line: &str, generation: u64) {
    let (_, path) = line.split_once(":8000").expect("the demo's address");
    let name = path.rsplit('/').next().expect("a name");
    host.eventually_check(name, "what was dropped in is healthy", |check| {
        check["status"] == "healthy" && check["plugin"]["generation"] == generation
    })
    .await;
}

/// A directory with the layout that the page begins in: a clone, `vitals`, to work beside. It is the
/// same each time, so that what cargo calls by its path is built into the same files.
struct Desk(PathBuf);

impl Desk {
    /// The clone is this repository, but for the demo's plugins directory, which is `plugins`.
    fn beside_a_clone(plugins: &Path) -> io::Result<Self> {
        let desk = guests::target().join("new-check/readme");
        if desk.exists() {
            fs::remove_dir_all(&desk)?;
        }
        let clone = desk.join("vitals");
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
        Ok(Self(desk))
    }

    /// Gives a new crate the target directory in which `cargo xtask guests` has built what it depends on.
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
