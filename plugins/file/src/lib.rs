//! The `file` check: age, size and content of a file, or of the newest file in a directory.
//!
//! This file judges age and size; `newest` finds the file, `content` checks its content.

mod content;
mod glob;
mod newest;

use std::path::PathBuf;

use vitals_sdk::prelude::*;

use content::Pattern;
use glob::Glob;
use newest::{File, Target};

/// Checks that a file, or the newest file in a directory, exists, is recent and has the right size.
#[derive(Config)]
struct Settings {
    /// The file, or a directory whose newest file is checked.
    #[config(grant = "file")]
    path: PathBuf,
    /// In a directory, only files with matching names count: `backup-*.sql.gz`. `*` matches any
    /// text, `?` one character.
    pattern: Option<Glob>,
    /// Whether the file must exist. With `may`, it is checked only if it exists.
    #[config(default = "must")]
    exists: Presence,
    /// The check is degraded if the file was last modified longer ago.
    degraded_above: Option<Duration>,
    /// The check is unhealthy if the file was last modified longer ago.
    unhealthy_above: Option<Duration>,
    /// The check is unhealthy if the file is smaller.
    min_size: Option<Size>,
    /// The check is unhealthy if the file is larger.
    max_size: Option<Size>,
    /// A text that the file must contain.
    contains: Option<String>,
    /// A regular expression that must match in the file.
    matches: Option<Pattern>,
    /// Where `contains` and `matches` search.
    #[config(default = "end")]
    search: Part,
    /// How many KiB they search.
    #[config(default = 64, range(1..=1024))]
    search_kib: u32,
}

/// Whether the file must exist.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Must,
    May,
    MustNot,
}

/// A part of a file.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
enum Part {
    Beginning,
    End,
}

#[health_check(code = "file")]
fn check(settings: Settings) -> Result<Outcome> {
    match newest::find(&settings.path, settings.pattern.as_ref())? {
        Target::Nothing(why) => Ok(match settings.exists {
            Presence::Must => Outcome::unhealthy(why),
            Presence::May | Presence::MustNot => Outcome::healthy(why),
        }),
        Target::File(file) => {
            let problem = content::problem(&settings, &file)?;
            let now = clock::unix_seconds();
            Ok(judge(&settings, &file, problem.as_deref(), now))
        }
    }
}

/// Judges a file that exists; `problem` is what is wrong with its content.
fn judge(settings: &Settings, file: &File, problem: Option<&str>, now: i64) -> Outcome {
    let age = seconds("file_age", age(file, now))
        .degraded(Bound::above(settings.degraded_above))
        .unhealthy(Bound::above(settings.unhealthy_above));
    let size = size(settings, file.metadata.size_bytes);
    let (name, size_text, size_remark) = (&file.name, size.value_text(), size.remark());
    let ahead = file.metadata.modified.saturating_sub(now);
    let is_aged = settings.degraded_above.is_some() || settings.unhealthy_above.is_some();

    let mut status = age.status().max(size.status());
    let mut message = if ahead > MAX_AHEAD && is_aged {
        // By its age, the file would be recent until the clock has caught up.
        status = status.max(Status::Degraded);
        let ahead = span_text(Duration::from_secs(ahead.unsigned_abs()));
        format!("{name} is dated {ahead} ahead of the clock, {size_text}{size_remark}")
    } else {
        let (age_text, age_remark) = (age.value_text(), age.remark());
        format!("{name} is {age_text} old{age_remark}, {size_text}{size_remark}")
    };
    if let Some(problem) = problem {
        status = Status::Unhealthy;
        message = format!("{message}, and {problem}");
    }
    if settings.exists == Presence::MustNot {
        status = Status::Unhealthy;
        message += ", and must not exist";
    }
    Outcome::new(status, message)
        .detail("path", file.path.display().to_string())
        .measure(age)
        .measure(size)
}

/// Returns the time since the last modification, zero if that is in the future.
fn age(file: &File, now: i64) -> Duration {
    let age = now.saturating_sub(file.metadata.modified);
    Duration::from_secs(u64::try_from(age).unwrap_or_default())
}

/// Measures the size with the exceeded bound: the upper one if it is exceeded, otherwise the lower
/// one.
fn size(settings: &Settings, size: u64) -> Measurement {
    let measured = bytes("file_size", size);
    match settings.max_size {
        Some(most) if size > most.bytes() || settings.min_size.is_none() => {
            measured.unhealthy_above(most)
        }
        _ => measured.unhealthy(Bound::below(settings.min_size)),
    }
}

/// The tolerance in seconds for files dated ahead, because clocks of file servers differ.
const MAX_AHEAD: i64 = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use vitals_sdk::files::Metadata;
    use vitals_sdk::testing::World;

    const NOW: i64 = 1_800_000_000;
    const HOUR: i64 = 3_600;

    fn settings(mut value: Value) -> Settings {
        if value["path"].is_null() {
            value["path"] = "/var/backups".into();
        }
        Settings::read(value).unwrap()
    }

    /// Returns status and message.
    fn shown(outcome: &Outcome) -> String {
        format!("{}: {}", outcome.status(), outcome.message())
    }

    fn file(age: i64, size_bytes: u64) -> File {
        File {
            path: "/var/backups/a.gz".into(),
            name: "newest of /var/backups (a.gz)".to_owned(),
            metadata: Metadata {
                is_directory: false,
                size_bytes,
                modified: NOW - age,
            },
        }
    }

    #[test]
    fn age_and_size_are_judged() {
        let aged = json!({ "degraded_above": "20h", "unhealthy_above": "26h" });
        let sized = json!({ "min_size": "1MiB", "max_size": "2MiB" });
        for (value, age, size, expected) in [
            (&aged, 20 * HOUR, 5 << 20, "healthy: 20 h old, 5 MiB"),
            (
                &aged,
                22 * HOUR,
                5 << 20,
                "degraded: 22 h old (degraded above 20 h), 5 MiB",
            ),
            (
                &aged,
                31 * HOUR,
                5 << 20,
                "unhealthy: 31 h old (unhealthy above 26 h), 5 MiB",
            ),
            (
                &aged,
                -HOUR,
                1,
                "degraded: dated 60 min ahead of the clock, 1 B",
            ),
            (&sized, -HOUR, 1 << 20, "healthy: 0 s old, 1 MiB"),
            (&sized, HOUR, 2 << 20, "healthy: 60 min old, 2 MiB"),
            (
                &sized,
                HOUR,
                12,
                "unhealthy: 60 min old, 12 B (unhealthy below 1 MiB)",
            ),
            (
                &sized,
                HOUR,
                3 << 20,
                "unhealthy: 60 min old, 3 MiB (unhealthy above 2 MiB)",
            ),
        ] {
            let outcome = judge(&settings(value.clone()), &file(age, size), None, NOW);
            let shown = shown(&outcome).replace("newest of /var/backups (a.gz) is ", "");
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn measurements_carry_the_bounds() {
        let written =
            json!({ "degraded_above": "1h", "unhealthy_above": "2h", "min_size": "1KiB" });
        let outcome = judge(&settings(written), &file(HOUR, 5), None, NOW);
        let [age, size] = outcome.measurements() else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            (age.name(), age.unit(), age.value()),
            ("file_age", "seconds", 3_600.0)
        );
        assert_eq!(age.degraded_at(), Some(Bound::Above(3_600.0)));
        assert_eq!(age.unhealthy_at(), Some(Bound::Above(7_200.0)));
        assert_eq!(
            (size.name(), size.unit(), size.value()),
            ("file_size", "bytes", 5.0)
        );
        assert_eq!(size.unhealthy_at(), Some(Bound::Below(1_024.0)));
        assert_eq!(outcome.detail_of("path"), Some(&json!("/var/backups/a.gz")));
    }

    #[test]
    fn the_file_is_found_read_and_judged() {
        let world = World::new();
        for (name, hours) in [("a.gz", 31), ("b.gz", 55), ("c.txt", 2)] {
            let file = world.file(format!("/var/backups/{name}"), "private; completed");
            file.age(Duration::from_hours(hours));
        }
        world.directory("/var/backups/below");
        world.directory("/var/empty");
        for (value, expected) in [
            (
                json!({ "pattern": "*.gz", "unhealthy_above": "26h" }),
                "unhealthy: newest of /var/backups (a.gz) is 31 h old (unhealthy above 26 h), 18 B",
            ),
            (
                json!({ "contains": "completed" }),
                "healthy: newest of /var/backups (c.txt) is 2 h old, 18 B",
            ),
            (
                json!({ "contains": "failed", "degraded_above": "1h" }),
                "unhealthy: newest of /var/backups (c.txt) is 2 h old (degraded above 60 min), 18 B, \
                 and does not contain `failed`",
            ),
            (
                json!({ "exists": "must_not" }),
                "unhealthy: newest of /var/backups (c.txt) is 2 h old, 18 B, and must not exist",
            ),
            (
                json!({ "pattern": "*.lock" }),
                "unhealthy: no file in /var/backups matches `*.lock`",
            ),
            (
                json!({ "pattern": "*.lock", "exists": "must_not" }),
                "healthy: no file in /var/backups matches `*.lock`",
            ),
            (
                json!({ "path": "/var/empty" }),
                "unhealthy: /var/empty contains no files",
            ),
            (
                json!({ "path": "/var/none" }),
                "unhealthy: /var/none does not exist",
            ),
            (
                json!({ "path": "/var/none", "exists": "may", "unhealthy_above": "1h" }),
                "healthy: /var/none does not exist",
            ),
            (
                json!({ "path": "/var/none", "exists": "must_not" }),
                "healthy: /var/none does not exist",
            ),
            (
                json!({ "path": "/var/backups/a.gz", "exists": "may", "unhealthy_above": "1h" }),
                "unhealthy: /var/backups/a.gz is 31 h old (unhealthy above 60 min), 18 B",
            ),
            (
                json!({ "path": "/var/backups/a.gz", "pattern": "*" }),
                "unhealthy: /var/backups/a.gz is a file: `pattern` applies only to directories",
            ),
        ] {
            let outcome = world.outcome(|| check(settings(value)));
            assert_eq!(shown(&outcome), expected);
        }
    }
}
