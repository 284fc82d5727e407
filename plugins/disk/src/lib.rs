//! The `disk` check: how full file systems are, in bytes and in files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use vitals_sdk::prelude::*;
use vitals_sdk::system::Disk;

/// Looks how full disks are, by space and by number of files.
#[derive(Config)]
struct Settings {
    /// Paths on the disks to look at: `["/", "/srv"]`.
    #[config(grant = "disk")]
    paths: Vec<PathBuf>,
    /// A disk that is fuller than this is degraded: 0.9 for 90 %, 1 for never.
    #[config(default = 0.9, range(0..=1))]
    degraded_above: f64,
    /// A disk that is fuller than this is unhealthy.
    #[config(default = 0.95, range(0..=1))]
    unhealthy_above: f64,
    /// Less space left than this is degraded, however full the disk is.
    degraded_below: Option<Size>,
    /// Less space left than this is unhealthy.
    unhealthy_below: Option<Size>,
    /// A larger share of the inodes in use than this is degraded: without one no file can be made.
    #[config(default = 0.9, range(0..=1))]
    inodes_degraded_above: f64,
    /// A larger share of the inodes in use than this is unhealthy.
    #[config(default = 0.95, range(0..=1))]
    inodes_unhealthy_above: f64,
}

#[health_check(code = "disk")]
fn check(settings: Settings) -> Result<Outcome> {
    if settings.paths.is_empty() {
        return Err(Error::new(
            "there is no disk to look at: write one into `paths`",
        ));
    }
    let looks: Vec<_> = settings
        .paths
        .iter()
        .map(|path| Look {
            path,
            found: system::disk(path).map_err(|error| error.to_string()),
        })
        .collect();
    Ok(judge(&settings, &looks))
}

/// What was found of one disk.
struct Look<'a> {
    path: &'a Path,
    found: Result<Disk, String>,
}

fn judge(settings: &Settings, looks: &[Look<'_>]) -> Outcome {
    let mut verdicts: Vec<_> = looks
        .iter()
        .map(|look| Verdict::on(settings, look, looks.len() > 1))
        .collect();
    let measurements: Vec<_> = verdicts
        .iter_mut()
        .flat_map(|verdict| std::mem::take(&mut verdict.measurements))
        .collect();
    // The worst first, and of those that are alike the fullest.
    verdicts.sort_by(|a, b| {
        b.status
            .cmp(&a.status)
            .then(b.fullness.total_cmp(&a.fullness))
    });
    let mut outcome = Outcome::worst(
        verdicts
            .iter()
            .map(|verdict| (verdict.status, verdict.words.as_str())),
    );
    for measurement in measurements {
        outcome = outcome.measure(measurement);
    }
    outcome
}

/// What is to be said of one disk.
struct Verdict {
    status: Status,
    fullness: f64,
    words: String,
    measurements: Vec<Measurement>,
}

impl Verdict {
    fn on(settings: &Settings, look: &Look<'_>, is_one_of_many: bool) -> Self {
        let path = look.path.display();
        let disk = match &look.found {
            Ok(disk) if disk.total_bytes > 0 => disk,
            Ok(_) => return Self::unknown(format!("{path} is on no disk: it has no size")),
            Err(why) => return Self::unknown(why.clone()),
        };
        let name = |what: &str| {
            if is_one_of_many {
                format!("{what}_{}", slug(look.path))
            } else {
                what.to_owned()
            }
        };
        let used = ratio(name("disk_used"), disk.used_ratio())
            .degraded_above(settings.degraded_above)
            .unhealthy_above(settings.unhealthy_above);
        let left = bytes(name("disk_left"), disk.available_bytes)
            .degraded(Bound::below(settings.degraded_below))
            .unhealthy(Bound::below(settings.unhealthy_below));
        let mut words = format!(
            "disk {path} is {} full{}, {} left{}",
            used.value_text(),
            used.remark(),
            left.value_text(),
            left.remark()
        );
        let mut status = used.status().max(left.status());
        let mut measurements = vec![used, left];
        if disk.total_inodes > 0 {
            let inodes = ratio(name("inodes_used"), disk.used_inodes_ratio())
                .degraded_above(settings.inodes_degraded_above)
                .unhealthy_above(settings.inodes_unhealthy_above);
            if inodes.status() > Status::Healthy {
                let _ = write!(
                    words,
                    ", {} of its inodes are in use{}",
                    inodes.value_text(),
                    inodes.remark()
                );
            }
            status = status.max(inodes.status());
            measurements.push(inodes);
        }
        Self {
            status,
            fullness: disk.used_ratio(),
            words,
            measurements,
        }
    }

    fn unknown(words: String) -> Self {
        Self {
            status: Status::Unhealthy,
            fullness: 1.0,
            words,
            measurements: Vec::new(),
        }
    }
}

/// A path as a part of a name: `/var/lib` is `var_lib`, `/` is `root`.
fn slug(path: &Path) -> String {
    let plain: String = path
        .to_string_lossy()
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    match plain.trim_matches('_') {
        "" => "root".to_owned(),
        plain => shorter(plain),
    }
}

/// The end of a name, which tells paths better apart than their beginning.
fn shorter(name: &str) -> String {
    name[name.len().saturating_sub(SLUG)..].to_owned()
}

/// How long the part of a name may be, so that the whole of it is one of a measurement.
const SLUG: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(value: Value) -> Settings {
        Settings::read(value).unwrap()
    }

    fn disk(used: u64, inodes: u64) -> Disk {
        Disk {
            total_bytes: 100 << 30,
            available_bytes: (100 - used) << 30,
            total_inodes: 100,
            available_inodes: 100 - inodes,
        }
    }

    fn outcome(settings: &Settings, disks: &[(&str, Result<Disk, String>)]) -> Outcome {
        let looks: Vec<_> = disks
            .iter()
            .map(|(path, found)| Look {
                path: Path::new(path),
                found: found.clone(),
            })
            .collect();
        judge(settings, &looks)
    }

    #[test]
    fn a_disk_is_judged_by_space_and_inodes() {
        let plain = settings(json!({ "paths": ["/"] }));
        let strict = settings(
            json!({ "paths": ["/"], "degraded_below": "50GiB", "unhealthy_below": "20 GiB" }),
        );
        for (settings, disk, status, message) in [
            (
                &plain,
                disk(90, 5),
                Status::Healthy,
                "disk / is 90 % full, 10 GiB left",
            ),
            (
                &plain,
                disk(93, 5),
                Status::Degraded,
                "disk / is 93 % full (degraded above 90 %), 7 GiB left",
            ),
            (
                &plain,
                disk(96, 5),
                Status::Unhealthy,
                "disk / is 96 % full (unhealthy above 95 %), 4 GiB left",
            ),
            (
                &plain,
                disk(10, 96),
                Status::Unhealthy,
                "disk / is 10 % full, 90 GiB left, 96 % of its inodes are in use (unhealthy above 95 %)",
            ),
            (
                &strict,
                disk(60, 0),
                Status::Degraded,
                "disk / is 60 % full, 40 GiB left (degraded below 50 GiB)",
            ),
            (
                &strict,
                disk(85, 0),
                Status::Unhealthy,
                "disk / is 85 % full, 15 GiB left (unhealthy below 20 GiB)",
            ),
        ] {
            let outcome = outcome(settings, &[("/", Ok(disk))]);
            assert_eq!((outcome.status(), outcome.message()), (status, message));
        }
    }

    #[test]
    fn of_several_the_worst_comes_first_and_the_good_ones_are_left_out() {
        let settings = settings(json!({ "paths": ["/"] }));
        let denied = "cannot tell the disk usage of /x: denied".to_owned();
        let disks = [
            ("/", Ok(disk(92, 0))),
            ("/srv", Ok(disk(10, 0))),
            ("/x", Err(denied)),
            ("/var/lib", Ok(disk(97, 0))),
        ];
        let all = outcome(&settings, &disks);
        assert_eq!(all.status(), Status::Unhealthy);
        assert_eq!(
            all.message(),
            "cannot tell the disk usage of /x: denied; \
             disk /var/lib is 97 % full (unhealthy above 95 %), 3 GiB left; \
             disk / is 92 % full (degraded above 90 %), 8 GiB left"
        );
        let names: Vec<_> = all.measurements().iter().map(Measurement::name).collect();
        assert_eq!(
            names[..4],
            [
                "disk_used_root",
                "disk_left_root",
                "inodes_used_root",
                "disk_used_srv"
            ]
        );
        assert!(names.contains(&"disk_used_var_lib"), "{names:?}");
        let good = outcome(
            &settings,
            &[("/", Ok(disk(10, 0))), ("/srv", Ok(disk(20, 0)))],
        );
        assert_eq!(
            good.message(),
            "disk /srv is 20 % full, 80 GiB left; disk / is 10 % full, 90 GiB left"
        );
    }

    #[test]
    fn the_bounds_are_measured_with_the_numbers() {
        let settings = settings(json!({ "paths": ["/"], "unhealthy_below": "1GiB" }));
        let outcome = outcome(&settings, &[("/", Ok(disk(10, 20)))]);
        let [used, left, inodes] = outcome.measurements() else {
            panic!("{outcome:?}");
        };
        assert_eq!((used.name(), used.unit()), ("disk_used", "ratio"));
        assert_eq!(used.degraded_at(), Some(Bound::Above(0.9)));
        assert_eq!((left.name(), left.unit()), ("disk_left", "bytes"));
        assert_eq!(left.unhealthy_at(), Some(Bound::Below(1_073_741_824.0)));
        assert_eq!(
            (inodes.name(), inodes.unhealthy_at()),
            ("inodes_used", Some(Bound::Above(0.95)))
        );
    }

    #[test]
    fn what_has_no_inodes_or_no_size_is_told_so() {
        let settings = settings(json!({ "paths": ["/"] }));
        let without = Disk {
            total_inodes: 0,
            available_inodes: 0,
            ..disk(1, 0)
        };
        let told = outcome(&settings, &[("/", Ok(without))]);
        assert_eq!(
            (told.status(), told.measurements().len()),
            (Status::Healthy, 2)
        );
        let nothing = Disk {
            total_bytes: 0,
            ..without
        };
        let told = outcome(&settings, &[("/proc", Ok(nothing))]);
        assert_eq!(
            (told.status(), told.message()),
            (Status::Unhealthy, "/proc is on no disk: it has no size")
        );
        let none = check(Settings {
            paths: Vec::new(),
            ..settings
        })
        .unwrap_err();
        assert!(
            none.to_string().contains("write one into `paths`"),
            "{none}"
        );
    }

    #[test]
    fn names_of_paths_are_names_of_measurements() {
        assert_eq!(slug(Path::new("/")), "root");
        assert_eq!(slug(Path::new("/var/Lib.d/ä-1/")), "var_lib_d___1");
        assert_eq!(slug(Path::new(&format!("/{}", "x".repeat(90)))).len(), SLUG);
    }

    #[test]
    fn each_path_is_granted() {
        let schema = Settings::json_schema();
        assert_eq!(
            schema["properties"]["paths"]["items"]["x-vitals-grant"],
            "disk"
        );
        assert_eq!(schema["required"], json!(["paths"]));
    }
}
