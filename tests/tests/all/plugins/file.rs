//! The plugin `file` on files and directories of its own.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use tempfile::TempDir;
use vitals_tests::{Vitals, eventually, guests};

use super::{measured, number, told, watch, watching};

/// A directory with last night's backup in it, and older ones.
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

    /// Writes a file as if it were so many hours ago.
    fn write(&self, name: &str, content: impl AsRef<[u8]>, hours_ago: u64) {
        fs::write(self.path(name), content).expect("a file");
        self.date(name, SystemTime::now() - Duration::from_hours(hours_ago));
    }

    fn date(&self, name: &str, modified: SystemTime) {
        File::options()
            .write(true)
            .open(self.path(name))
            .and_then(|file| file.set_modified(modified))
            .expect("it is ours");
    }

    /// Runs the check on a path in here, under these further settings.
    async fn watch(&self, below: &str, settings: &str) -> Value {
        watch(guests::FILE, &self.config(below, settings)).await
    }

    fn config(&self, below: &str, settings: &str) -> String {
        format!("config = {{ path = '{}', {settings} }}", self.path(below))
    }

    /// Status and message, without where this is.
    fn told(&self, check: &Value) -> String {
        let (status, message) = told(check);
        let place = self.0.path().display().to_string();
        format!("{status}: {}", message.replace(&place, "<dir>"))
    }
}

#[tokio::test]
async fn the_newest_of_a_directory_is_judged_by_its_age() {
    let backups = Backups::new();
    for (settings, expected) in [
        (
            "pattern = 'backup-*.sql.gz', unhealthy_above = '26h'",
            "unhealthy: newest of <dir>/backups (backup-2026-11-20.sql.gz) is 31 h old (unhealthy above 26 h), 1.5 KiB",
        ),
        (
            "pattern = 'backup-*.sql.gz', degraded_above = '26h', unhealthy_above = '2d'",
            "degraded: newest of <dir>/backups (backup-2026-11-20.sql.gz) is 31 h old (degraded above 26 h), 1.5 KiB",
        ),
        (
            "pattern = 'backup-*-18.sql.gz', unhealthy_above = '4d'",
            "healthy: newest of <dir>/backups (backup-2026-11-18.sql.gz) is 3 d old, 1.5 KiB",
        ),
        (
            "unhealthy_above = '26h'",
            "healthy: newest of <dir>/backups (notes.txt) is 2 h old, 1.5 KiB",
        ),
        (
            "pattern = '.*.part'",
            "healthy: newest of <dir>/backups (.backup-2026-11-21.sql.gz.part) is 3 h old, 1.5 KiB",
        ),
        (
            "pattern = '*.tar'",
            "unhealthy: no file in <dir>/backups matches `*.tar`",
        ),
    ] {
        let check = backups.watch("backups", settings).await;
        assert_eq!(backups.told(&check), expected, "{settings}: {check:#}");
    }
    let check = backups
        .watch("backups", "pattern = 'b*', unhealthy_above = '26h'")
        .await;
    let age = number(&check, "file_age");
    assert!((111_600.0..115_200.0).contains(&age), "{check:#}");
    assert_eq!(
        measured(&check, "file_age")["unhealthy_at"],
        json!({ "above": 93_600.0 })
    );
    assert_eq!(measured(&check, "file_size")["value"], json!(1536.0));
    let path = backups.path("backups/backup-2026-11-20.sql.gz");
    assert_eq!(check["details"]["path"], json!(path));
}

#[tokio::test]
async fn a_directory_that_grows_is_seen_as_it_is_at_each_run() {
    let backups = Backups::new();
    let settings = "pattern = 'backup-*.sql.gz', unhealthy_above = '26h'";
    let config = backups.config("backups", settings);
    let host = watching(
        guests::FILE,
        &format!("interval = '1s'\ntimeout = '1s'\n{config}"),
    )
    .await;
    let becomes = async |what: &str| {
        host.eventually_check("watched", what, |check| {
            backups.told(check).starts_with(what)
        })
        .await
    };
    becomes("unhealthy: newest of <dir>/backups (backup-2026-11-20.sql.gz) is 31 h old").await;
    backups.write("backups/backup-2026-11-21.sql.gz", "new", 2);
    becomes("healthy: newest of <dir>/backups (backup-2026-11-21.sql.gz) is 2 h old, 3 B").await;
    fs::remove_dir_all(backups.path("backups")).unwrap();
    becomes("unhealthy: <dir>/backups does not exist").await;
    fs::create_dir(backups.path("backups")).unwrap();
    becomes("unhealthy: no file in <dir>/backups matches").await;
}

#[tokio::test]
async fn one_file_is_judged_by_size_date_and_presence() {
    let backups = Backups::new();
    backups.write("log", [b'x'; 4096], 5);
    backups.write("ahead", "", 0);
    backups.date("ahead", SystemTime::now() + Duration::from_mins(210));
    for (file, settings, expected) in [
        (
            "log",
            "min_size = '4KiB', max_size = '4KiB'",
            "healthy: <dir>/log is 5 h old, 4 KiB",
        ),
        (
            "log",
            "min_size = '1MB'",
            "unhealthy: <dir>/log is 5 h old, 4 KiB (unhealthy below 976.5625 KiB)",
        ),
        (
            "log",
            "min_size = '1KiB', max_size = '2KiB'",
            "unhealthy: <dir>/log is 5 h old, 4 KiB (unhealthy above 2 KiB)",
        ),
        (
            "log",
            "exists = 'must_not'",
            "unhealthy: <dir>/log is 5 h old, 4 KiB, and must not exist",
        ),
        (
            "log",
            "exists = 'may', unhealthy_above = '1h'",
            "unhealthy: <dir>/log is 5 h old (unhealthy above 60 min), 4 KiB",
        ),
        (
            "ahead",
            "unhealthy_above = '1h'",
            "degraded: <dir>/ahead is dated 3 h ahead of the clock, 0 B",
        ),
        ("ahead", "", "healthy: <dir>/ahead is 0 s old, 0 B"),
        ("none", "", "unhealthy: <dir>/none does not exist"),
        (
            "none",
            "exists = 'may', unhealthy_above = '1h'",
            "healthy: <dir>/none does not exist",
        ),
        (
            "none",
            "exists = 'must_not'",
            "healthy: <dir>/none does not exist",
        ),
        ("out", "", "unhealthy: <dir>/out contains no files"),
        (
            "out",
            "exists = 'must_not', pattern = '*.lock'",
            "healthy: no file in <dir>/out matches `*.lock`",
        ),
        (
            "log",
            "pattern = '*'",
            "unhealthy: <dir>/log is a file: `pattern` is for the files of a directory",
        ),
    ] {
        let check = backups.watch(file, settings).await;
        assert_eq!(backups.told(&check), expected, "{settings}: {check:#}");
    }
}

#[tokio::test]
async fn what_has_to_stand_in_it_is_looked_for_and_what_does_is_never_shown() {
    let backups = Backups::new();
    let private = format!(
        "private-0815\n{}completed 12 of 12\n",
        "x".repeat(100 << 10)
    );
    backups.write("log", private, 5);
    for (settings, problem) in [
        ("contains = 'completed'", ""),
        ("matches = '(?m)^.*completed \\d+ of \\d+$'", ""),
        (
            "contains = 'private', search = 'beginning', search_kib = 1",
            "",
        ),
        ("contains = 'private', search_kib = 1000", ""),
        (
            "contains = 'private'",
            ", and does not contain `private` in its last 64 KiB",
        ),
        (
            "contains = 'completed', search = 'beginning'",
            ", and does not contain `completed` in its first 64 KiB",
        ),
        (
            "matches = 'completed 0', search_kib = 256",
            ", and does not match `completed 0`",
        ),
    ] {
        let check = backups.watch("log", settings).await;
        let status = if problem.is_empty() {
            "healthy"
        } else {
            "unhealthy"
        };
        let expected = format!("{status}: <dir>/log is 5 h old, 100 KiB{problem}");
        assert_eq!(backups.told(&check), expected, "{settings}: {check:#}");
        assert!(!check.to_string().contains("0815"), "{check:#}");
    }
}

#[tokio::test]
async fn as_much_as_the_readme_says_is_searched_with_the_default_fuel() {
    let backups = Backups::new();
    backups.write("log", "completed 12 of 13, or not\n".repeat(256 << 10), 1);
    let settings = "matches = '(?m)^completed (\\d+) of \\d+, all of them$', search_kib = 256";
    let check = backups.watch("log", settings).await;
    assert!(backups.told(&check).contains("does not match"), "{check:#}");
    assert!(check["error"].is_null(), "{check:#}");
}

#[tokio::test]
async fn what_is_no_file_is_left_out_and_a_link_counts_as_what_it_leads_to() {
    let backups = Backups::new();
    mknodat(
        CWD,
        backups.path("backups/backup-9.sql.gz"),
        FileType::Fifo,
        Mode::RWXU,
        0,
    )
    .unwrap();
    symlink("nowhere", backups.path("backups/backup-dangling.sql.gz")).unwrap();
    symlink("notes.txt", backups.path("backups/latest")).unwrap();
    let settings = "pattern = 'backup-*.sql.gz'";
    let check = backups.watch("backups", settings).await;
    let told = backups.told(&check);
    assert!(
        told.contains("(backup-2026-11-20.sql.gz) is 31 h old"),
        "{told}"
    );
    let check = backups.watch("backups", "pattern = 'l*'").await;
    assert_eq!(
        backups.told(&check),
        "healthy: newest of <dir>/backups (latest) is 2 h old, 1.5 KiB"
    );
}

#[tokio::test]
async fn a_link_that_leads_out_of_what_is_granted_is_refused_and_says_so() {
    let backups = Backups::new();
    backups.write("out/secret", "outside", 2);
    symlink(
        "../out/secret",
        backups.path("backups/backup-latest.sql.gz"),
    )
    .unwrap();
    let settings = "pattern = 'backup-*.sql.gz'";
    let check = backups.watch("backups", settings).await;
    let told = backups.told(&check);
    assert!(
        told.starts_with("unhealthy: cannot stat <dir>/backups/backup-latest.sql.gz: denied: "),
        "{told}"
    );
    assert_eq!(check["error"]["code"], "denied", "{check:#}");
    let refusal = check["result"]["denials"][0]["message"]
        .as_str()
        .unwrap_or_default();
    assert!(
        refusal.contains("(add it to `allow.files` of check `watched`)"),
        "{check:#}"
    );

    let out = backups.path("out");
    let config = format!(
        "allow = {{ files = ['{out}'] }}\n{}",
        backups.config("backups", settings)
    );
    let check = watch(guests::FILE, &config).await;
    assert_eq!(
        backups.told(&check),
        "healthy: newest of <dir>/backups (backup-latest.sql.gz) is 2 h old, 7 B"
    );
}

#[tokio::test]
async fn a_directory_of_too_many_names_is_no_ground_for_a_verdict() {
    let backups = Backups::new();
    for number in 0..10_000 {
        File::create(backups.path(&format!("out/{number}"))).unwrap();
    }
    let check = backups.watch("out", "pattern = '1'").await;
    assert_eq!(
        backups.told(&check),
        "unhealthy: cannot determine the newest file in <dir>/out: it contains 10000 names or more"
    );
}

#[tokio::test]
async fn a_file_that_may_not_be_read_is_still_looked_at_and_says_so_where_its_content_matters() {
    let backups = Backups::new();
    backups.write("log", "completed", 5);
    fs::set_permissions(backups.0.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(backups.path("log"), Permissions::from_mode(0o000)).unwrap();
    let check = |name: &str, settings: &str| {
        let config = backups.config("log", settings);
        format!("[checks.{name}]\nplugin = 'file'\n{config}\n")
    };
    let config = check("dated", "") + &check("read", "contains = 'completed'");
    let vitals = Vitals::new(["serve", "--listen", "127.0.0.1:0"]).config(&config);
    let host = vitals
        .plugin("file", guests::FILE)
        .unprivileged()
        .serve()
        .await;
    let health = eventually("both have run", async || {
        let health = host.get("/health").await?.json();
        let has_run = health["checks"].as_array().is_some_and(|all| {
            all.len() == 2 && all.iter().all(|check| check["status"] != "unknown")
        });
        if has_run {
            Ok(health)
        } else {
            Err(format!("{health:#}"))
        }
    })
    .await;
    assert_eq!(
        backups.told(&health["checks"][0]),
        "healthy: <dir>/log is 5 h old, 9 B"
    );
    let read = backups.told(&health["checks"][1]);
    assert_eq!(
        read,
        "unhealthy: cannot read <dir>/log: the host has no permission"
    );
}
