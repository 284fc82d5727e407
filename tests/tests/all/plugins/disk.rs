//! The plugin `disk` on the machine's own disk.

use serde_json::json;
use vitals_tests::guests;

use super::{measured, number, told, watch};

const NEVER: &str = "degraded_above = 1, unhealthy_above = 1, inodes_degraded_above = 1, inodes_unhealthy_above = 1";

#[tokio::test]
async fn a_disk_is_as_full_as_the_kernel_reports() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().display();
    let config = format!("config = {{ paths = ['{path}'], {NEVER} }}");
    let check = watch(guests::DISK, &config).await;
    let (status, message) = told(&check);
    assert_eq!(status, "healthy", "{check:#}");
    let beginning = format!("disk {path} is ");
    assert!(message.starts_with(&beginning), "{message}");
    assert!(message.ends_with(" left"), "{message}");
    let kernel = rustix::fs::statvfs(directory.path()).unwrap();
    let left = number(&check, "disk_left") / 1_073_741_824.0;
    #[expect(clippy::cast_precision_loss, reason = "to the nearest GiB")]
    let expected = (kernel.f_bavail * kernel.f_frsize) as f64 / 1_073_741_824.0;
    // Other processes write to the disk too.
    assert!((left - expected).abs() < 4.0, "{expected}: {check:#}");
    let has_inodes = measured(&check, "inodes_used").is_object();
    assert_eq!(has_inodes, kernel.f_files > 0, "{check:#}");
}

#[tokio::test]
async fn paths_that_are_not_on_a_disk_are_named() {
    let config = format!("config = {{ paths = ['/', '/nothing', '/proc'], {NEVER} }}");
    let check = watch(guests::DISK, &config).await;
    assert_eq!(
        told(&check),
        (
            "unhealthy",
            "cannot read the disk usage of /nothing: there is no such file or directory; \
             /proc is not on a disk: its file system has no size"
        )
    );
    assert!(number(&check, "disk_used_root") > 0.0, "{check:#}");
}

#[tokio::test]
async fn a_relative_path_is_rejected_with_the_configuration() {
    let check = watch(guests::DISK, "config = { paths = ['srv'] }").await;
    let (status, message) = told(&check);
    assert_eq!(
        (status, &check["error"]["code"]),
        ("unhealthy", &json!("load")),
        "{check:#}"
    );
    assert!(message.contains("`/paths/0`"), "{message}");
}
