//! The `disk` check: the usage of file systems, by space and by inodes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use vitals_sdk::prelude::*;
use vitals_sdk::system::Disk;

/// Checks how full disks are, by space and by number of files.
#[derive(Config)]
struct Settings {
    /// Paths on the disks to check: `["/", "/srv"]`.
    #[config(grant = "disk")]
    paths: Vec<PathBuf>,
    /// The check is degraded if a larger share of a disk's space is used: 0.9 for 90 %, 1 for
    /// never.
    #[config(default = 0.9, range(0..=1))]
    degraded_above: f64,
    /// The check is unhealthy if a larger share of a disk's space is used.
    #[config(default = 0.95, range(0..=1))]
    unhealthy_above: f64,
    /// The check is degraded if less space is left on a disk, regardless of the used share.
    degraded_below: Option<Size>,
    /// The check is unhealthy if less space is left on a disk.
    unhealthy_below: Option<Size>,
    /// The check is degraded if a larger share of a disk's inodes is used. Without a free inode no
    /// file can be created.
    #[config(default = 0.9, range(0..=1))]
    inodes_degraded_above: f64,
    /// The check is unhealthy if a larger share of a disk's inodes is used.
    #[config(default = 0.95, range(0..=1))]
    inodes_unhealthy_above: f64,
}

#[health_check(code = "disk")]
fn check(settings: Settings) -> Result<Outcome> {
    if settings.paths.is_empty() {
        return Err(Error::new("`paths` is empty: add a path"));
    }
    let readings: Vec<_> = settings
        .paths
        .iter()
        .map(|path| Reading {
            path,
            usage: system::disk(path).map_err(|error| error.to_string()),
        })
        .collect();
    Ok(judge(&settings, &readings))
}

/// The usage of one disk, or why it could not be read.
struct Reading<'a> {
    path: &'a Path,
    usage: Result<Disk, String>,
}

fn judge(settings: &Settings, readings: &[Reading<'_>]) -> Outcome {
    let mut judgements: Vec<_> = readings
        .iter()
        .map(|reading| Judgement::of(settings, reading, readings.len() > 1))
        .collect();
    let measurements: Vec<_> = judgements
        .iter_mut()
        .flat_map(|judgement| std::mem::take(&mut judgement.measurements))
        .collect();
    // The worst comes first; with equal status, the fullest.
    judgements.sort_by(|a, b| {
        b.status
            .cmp(&a.status)
            .then(b.fullness.total_cmp(&a.fullness))
    });
    let mut outcome = Outcome::worst(
        judgements
            .iter()
            .map(|judgement| (judgement.status, judgement.text.as_str())),
    );
    for measurement in measurements {
        outcome = outcome.measure(measurement);
    }
    outcome
}

/// The judgement of one disk.
struct Judgement {
    status: Status,
    fullness: f64,
    text: String,
    measurements: Vec<Measurement>,
}

impl Judgement {
    fn of(settings: &Settings, reading: &Reading<'_>, is_one_of_several: bool) -> Self {
        let path = reading.path.display();
        let disk = match &reading.usage {
            Ok(disk) if disk.total_bytes > 0 => disk,
            Ok(_) => {
                return Self::unknown(format!(
                    "{path} is not on a disk: its file system has no size"
                ));
            }
            Err(why) => return Self::unknown(why.clone()),
        };
        let name = |what: &str| {
            if is_one_of_several {
                format!("{what}_{}", slug(reading.path))
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
        let mut text = format!(
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
                    text,
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
            text,
            measurements,
        }
    }

    fn unknown(text: String) -> Self {
        Self {
            status: Status::Unhealthy,
            fullness: 1.0,
            text,
            measurements: Vec::new(),
        }
    }
}

/// Converts a path to a part of a name: `/var/lib` is `var_lib`, `/` is `root`.
fn slug(path: &Path) -> String {
    let plain: String = path
        .to_string_lossy()
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    match plain.trim_matches('_') {
        "" => "root".to_owned(),
        plain => last_chars(plain),
    }
}

/// Returns the end of a name, which distinguishes paths better than the beginning.
fn last_chars(name: &str) -> String {
    name[name.len().saturating_sub(SLUG)..].to_owned()
}

/// The maximum length of this part, so that the whole name is valid for a measurement.
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
        let readings: Vec<_> = disks
            .iter()
            .map(|(path, usage)| Reading {
                path: Path::new(path),
                usage: usage.clone(),
            })
            .collect();
        judge(settings, &readings)
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
    fn the_worst_disk_comes_first_and_healthy_ones_are_left_out() {
        let settings = settings(json!({ "paths": ["/"] }));
        let denied = "cannot read the disk usage of /x: denied".to_owned();
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
            "cannot read the disk usage of /x: denied; \
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
    fn measurements_carry_the_bounds() {
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
    fn file_systems_without_inodes_or_size_are_named() {
        let settings = settings(json!({ "paths": ["/"] }));
        let without = Disk {
            total_inodes: 0,
            available_inodes: 0,
            ..disk(1, 0)
        };
        let result = outcome(&settings, &[("/", Ok(without))]);
        assert_eq!(
            (result.status(), result.measurements().len()),
            (Status::Healthy, 2)
        );
        let nothing = Disk {
            total_bytes: 0,
            ..without
        };
        let result = outcome(&settings, &[("/proc", Ok(nothing))]);
        assert_eq!(
            (result.status(), result.message()),
            (
                Status::Unhealthy,
                "/proc is not on a disk: its file system has no size"
            )
        );
        let none = check(Settings {
            paths: Vec::new(),
            ..settings
        })
        .unwrap_err();
        assert!(none.to_string().contains("`paths` is empty"), "{none}");
    }

    #[test]
    fn paths_become_valid_measurement_names() {
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
