//! The plugin `file` on real files, directories and symlinks.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use tempfile::TempDir;
use vitals_tests::{Vitals, eventually, guests};

use super::{measured, number, told, watch, watching};

/// A directory with backups, the newest of which is 31 hours old, and a directory without grants.
struct Backups(TempDir);

impl Backups {
    fn new() -> Self {
        let backups = Self(TempDir::with_prefix("vitals-file-").expect("a directory"));
        for directory in ["backups/older", "out"] {
            fs::create_dir_all(backups.path(directory)).expect("a directory");
        }
        for (name, hours) in [
            ("backup-2026-11-18.sql.gz", 79),
            ("backup-2026-11-20.sql.gz", 31),
            ("backup-2026-11-19.sql.gz", 55),
            ("older/backup-2026-11-21.sql.gz", 1),
            ("notes.txt", 2),
            (".backup-2026-11-21.sql.gz.part", 3),
        ] {
            backups.write(&format!("backups/{name}"), [7; 1536], hours);
        }
        backups
    }

    fn path(&self, below: &str) -> String {
        self.0.path().join(below).display().to_string()
    }

    /// Writes a file that was last modified this many hours ago.
    fn write(&self, name: &str, content: impl AsRef<[u8]>, hours_ago: u64) {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        let modified = SystemTime::now() - Duration::from_hours(hours_ago);
        let file = File::options().write(true).open(path);
        file.and_then(|file| file.set_modified(modified))
            .expect("it was written");
    }

    /// Runs a check of a path in the directory once.
    async fn watch(&self, below: &str, settings: &str) -> Value {
        watch(guests::FILE, &self.config(below, settings)).await
    }

    fn config(&self, below: &str, settings: &str) -> String {
        format!("config = {{ path = '{}', {settings} }}", self.path(below))
    }

    /// Status and message, with `<dir>` for the directory.
    fn shown(&self, check: &Value) -> String {
        let (status, message) = told(check);
        let directory = self.0.path().display().to_string();
        format!("{status}: {}", message.replace(&directory, "<dir>"))
    }
}

const PATTERN: &str = "pattern = 'backup-*.sql.gz'";

#[tokio::test]
async fn each_run_judges_the_directory_as_it_is_then() {
    let backups = Backups::new();
    let config = backups.config("backups", &format!("{PATTERN}, unhealthy_above = '26h'"));
    let lines = format!("interval = '1s'\ntimeout = '1s'\n{config}");
    let host = watching(guests::FILE, &lines).await;
    let becomes = async |text: &str| {
        let is_so = |check: &Value| backups.shown(check).starts_with(text);
        host.eventually_check("watched", text, is_so).await
    };
    let check = becomes(
        "unhealthy: newest of <dir>/backups (backup-2026-11-20.sql.gz) is 31 h old (unhealthy above 26 h), 1.5 KiB",
    )
    .await;
    let age = number(&check, "file_age");
    assert!((111_600.0..115_200.0).contains(&age), "{check:#}");
    assert_eq!(measured(&check, "file_size")["value"], json!(1536.0));
    let path = backups.path("backups/backup-2026-11-20.sql.gz");
    assert_eq!(check["details"]["path"], json!(path));

    backups.write("backups/backup-2026-11-21.sql.gz", "new", 2);
    becomes("healthy: newest of <dir>/backups (backup-2026-11-21.sql.gz) is 2 h old, 3 B").await;
    fs::remove_dir_all(backups.path("backups")).unwrap();
    becomes("unhealthy: <dir>/backups does not exist").await;
    fs::create_dir(backups.path("backups")).unwrap();
    becomes("unhealthy: no file in <dir>/backups matches").await;
}

#[tokio::test]
async fn the_default_fuel_suffices_for_the_search_that_the_readme_allows() {
    let backups = Backups::new();
    let lines =
        "completed 12 of 13, or not\n".repeat(256 << 10) + "completed 13 of 13, all of them";
    backups.write("log", lines, 1);
    let settings = "matches = '(?m)^completed (\\d+) of \\d+, all of them$', search_kib = 256";
    let check = backups.watch("log", settings).await;
    assert_eq!(
        backups.shown(&check),
        "healthy: <dir>/log is 60 min old, 6.8 MiB"
    );
}

#[tokio::test]
async fn only_files_are_candidates_and_a_symlink_is_what_it_leads_to() {
    let backups = Backups::new();
    let fifo = backups.path("backups/backup-9.sql.gz");
    mknodat(CWD, fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
    symlink("nowhere", backups.path("backups/backup-dangling.sql.gz")).unwrap();
    symlink("notes.txt", backups.path("backups/latest")).unwrap();
    for (pattern, newest) in [
        (PATTERN, "backup-2026-11-20.sql.gz) is 31 h old"),
        ("pattern = 'l*'", "latest) is 2 h old"),
    ] {
        let check = backups.watch("backups", pattern).await;
        let expected = format!("healthy: newest of <dir>/backups ({newest}, 1.5 KiB");
        assert_eq!(backups.shown(&check), expected, "{check:#}");
    }
}

#[tokio::test]
async fn a_symlink_out_of_the_granted_directory_is_denied_without_a_grant_of_its_own() {
    let backups = Backups::new();
    backups.write("out/secret", "outside", 2);
    let link = backups.path("backups/backup-latest.sql.gz");
    symlink("../out/secret", link).unwrap();
    let check = backups.watch("backups", PATTERN).await;
    let shown = backups.shown(&check);
    assert!(
        shown.starts_with("unhealthy: cannot stat <dir>/backups/backup-latest.sql.gz: denied: "),
        "{shown}"
    );
    assert_eq!(check["error"]["code"], "denied", "{check:#}");
    let denial = check["result"]["denials"][0]["message"].to_string();
    assert!(
        denial.contains("(add it to `allow.files` of check `watched`)"),
        "{check:#}"
    );

    let allow = format!("allow = {{ files = ['{}'] }}", backups.path("out"));
    let config = backups.config("backups", PATTERN);
    let check = watch(guests::FILE, &format!("{allow}\n{config}")).await;
    assert_eq!(
        backups.shown(&check),
        "healthy: newest of <dir>/backups (backup-latest.sql.gz) is 2 h old, 7 B"
    );
}

#[tokio::test]
async fn a_file_without_read_permission_has_an_age_but_no_content() {
    let backups = Backups::new();
    backups.write("log", "completed", 5);
    let set_mode = |path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    set_mode(backups.path(""), 0o755);
    set_mode(backups.path("log"), 0o000);
    let table = |name: &str, settings: &str| {
        let config = backups.config("log", settings);
        format!("[checks.{name}]\nplugin = 'file'\n{config}\n")
    };
    let config = table("dated", "") + &table("read", "contains = 'completed'");
    let host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .config(&config)
        .plugin("file", guests::FILE)
        .unprivileged()
        .serve()
        .await;
    for (name, expected) in [
        ("dated", "healthy: <dir>/log is 5 h old, 9 B"),
        (
            "read",
            "unhealthy: cannot read <dir>/log: the host has no permission",
        ),
    ] {
        eventually(expected, async || {
            let page = host.get(&format!("/health/checks/{name}")).await?;
            let shown = backups.shown(&page.json());
            (shown == expected).then_some(()).ok_or(shown)
        })
        .await;
    }
}

#[tokio::test]
async fn a_directory_with_more_names_than_the_host_lists_has_no_newest_file() {
    let backups = Backups::new();
    for number in 0..10_000 {
        File::create(backups.path(&format!("out/{number}"))).unwrap();
    }
    let check = backups.watch("out", "pattern = '1'").await;
    assert_eq!(
        backups.shown(&check),
        "unhealthy: cannot determine the newest file in <dir>/out: it contains 10000 names or more"
    );
}
