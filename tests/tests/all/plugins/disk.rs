//! The plugin `disk` on the disk of the tests.

use serde_json::json;
use vitals_tests::guests;

use super::{measured, number, told, watch};

/// A directory with something in it, so that its disk is not empty.
fn somewhere() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a directory");
    std::fs::write(place.path().join("file"), vec![1; 1 << 20]).expect("a file");
    place
}

const NEVER: &str = "degraded_above = 1, unhealthy_above = 1, inodes_degraded_above = 1, inodes_unhealthy_above = 1";

#[tokio::test]
async fn a_disk_is_as_full_as_the_kernel_says() {
    let place = somewhere();
    let path = place.path().display().to_string();
    let check = watch(
        guests::DISK,
        &format!("config = {{ paths = ['{path}'], {NEVER} }}"),
    )
    .await;
    let (status, message) = told(&check);
    assert_eq!(status, "healthy", "{check:#}");
    assert!(
        message.starts_with(&format!("disk {path} is ")),
        "{message}"
    );
    assert!(message.ends_with(" left"), "{message}");
    let truth = rustix::fs::statvfs(place.path()).unwrap();
    // Others write there too.
    let left = number(&check, "disk_left") / 1_073_741_824.0;
    #[expect(clippy::cast_precision_loss, reason = "to the nearest GiB")]
    let truly = (truth.f_bavail * truth.f_frsize) as f64 / 1_073_741_824.0;
    assert!((left - truly).abs() < 4.0, "{truly}: {check:#}");
    assert_eq!(
        measured(&check, "disk_used")["degraded_at"],
        json!({ "above": 1.0 })
    );
    assert_eq!(
        measured(&check, "inodes_used").is_object(),
        truth.f_files > 0,
        "{check:#}"
    );
}

#[tokio::test]
async fn each_bound_that_is_passed_is_said() {
    let place = somewhere();
    let path = place.path().display().to_string();
    for (bound, status, said) in [
        (
            "degraded_above = 0",
            "degraded",
            " full (degraded above 0 %), ",
        ),
        (
            "unhealthy_above = 0",
            "unhealthy",
            " full (unhealthy above 0 %), ",
        ),
        (
            "degraded_below = '900000TiB'",
            "degraded",
            " left (degraded below 878.90625 PiB)",
        ),
        (
            "unhealthy_below = '900000TiB'",
            "unhealthy",
            " left (unhealthy below 878.90625 PiB)",
        ),
        (
            "inodes_unhealthy_above = 0",
            "unhealthy",
            " of its inodes are in use (unhealthy above 0 %)",
        ),
    ] {
        let key = bound.split(' ').next().unwrap();
        let others: Vec<_> = NEVER
            .split(", ")
            .filter(|other| !other.starts_with(key))
            .collect();
        let config = format!(
            "config = {{ paths = ['{path}'], {bound}, {} }}",
            others.join(", ")
        );
        let check = watch(guests::DISK, &config).await;
        let (found, message) = told(&check);
        assert_eq!(found, status, "{bound}: {check:#}");
        assert!(message.contains(said), "{bound}: {message}");
    }
}

#[tokio::test]
async fn of_several_paths_those_that_are_wrong_are_named() {
    let place = somewhere();
    let path = place.path().display();
    let config = format!("config = {{ paths = ['{path}', '/nothing', '/proc'], {NEVER} }}");
    let check = watch(guests::DISK, &config).await;
    assert_eq!(
        told(&check),
        (
            "unhealthy",
            "cannot read the disk usage of /nothing: there is no such file or directory; \
             /proc is not on a disk: its file system has no size"
        )
    );
    let names = check["result"]["measurements"].to_string();
    assert!(names.contains("\"disk_used_"), "{names}");
}

#[tokio::test]
async fn a_relative_path_is_refused_with_the_configuration() {
    let check = watch(guests::DISK, "config = { paths = ['srv'] }").await;
    let (status, message) = told(&check);
    assert_eq!(
        (status, &check["error"]["code"]),
        ("unhealthy", &json!("load")),
        "{check:#}"
    );
    assert!(message.contains("`/paths/0`"), "{message}");
}
