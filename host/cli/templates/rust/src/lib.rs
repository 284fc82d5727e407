//! A health check for vitals. It checks that the clock of the machine is set and, if a file is configured,
//! that the file is recent.

use std::path::PathBuf;

use vitals_sdk::prelude::*;

/// The settings of the check. `vitals inspect` prints the comments of the fields.
#[derive(Config)]
struct Settings {
    /// A file that is renewed regularly, such as the last backup. Naming it here lets the check read it.
    #[config(grant = "file")]
    file: Option<PathBuf>,
    /// The check is degraded if the file is older than this.
    #[config(default = "26h")]
    degraded_above: Duration,
}

/// Checks that the clock is set and that a file is recent.
#[health_check(code = "my-check")]
fn check(settings: Settings) -> Result<Outcome> {
    let now = clock::unix_seconds();
    if now < EARLIEST {
        return Ok(Outcome::unhealthy("the clock is not set"));
    }
    let outcome = Outcome::healthy("the clock is set").detail("unix_seconds", now);
    let Some(file) = settings.file else {
        return Ok(outcome);
    };

    let age = files::stat(&file)?.age();
    let hours = age.as_secs() / 3600;
    let outcome = if age > settings.degraded_above {
        Outcome::degraded(format!("{} is {hours} hours old", file.display()))
    } else {
        outcome
    };
    Ok(outcome.measure(seconds("age", age).degraded_above(settings.degraded_above)))
}

/// 2026-01-01 in Unix time. A clock that shows an earlier time is not set.
const EARLIEST: i64 = 1_767_225_600;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use vitals_sdk::testing::World;

    use super::*;

    fn run(world: &World, settings: &str) -> Outcome {
        let settings = Settings::from_json(settings).expect("settings");
        world.outcome(|| check(settings))
    }

    #[test]
    fn a_clock_that_is_not_set_is_unhealthy() {
        let world = World::new();
        assert_eq!(run(&world, "{}").status(), Status::Healthy);
        world.set_time(UNIX_EPOCH);
        assert_eq!(run(&world, "{}").message(), "the clock is not set");
    }

    #[test]
    fn an_old_file_is_degraded_and_a_missing_file_is_unhealthy() {
        let settings = r#"{ "file": "/backups/last", "degraded_above": "2h" }"#;
        let world = World::new();
        assert_eq!(run(&world, settings).status(), Status::Unhealthy);

        let file = world.file("/backups/last", "");
        file.age(Duration::from_hours(1));
        assert_eq!(run(&world, settings).status(), Status::Healthy);
        file.age(Duration::from_hours(3));
        let outcome = run(&world, settings);
        assert_eq!(outcome.status(), Status::Degraded);
        assert_eq!(outcome.message(), "/backups/last is 3 hours old");
    }
}
