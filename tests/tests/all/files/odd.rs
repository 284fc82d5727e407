//! What stands in file systems besides plain files: pipes, devices, the kernel's own, crowds, and files
//! that change while they are read.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode};
use serde_json::json;
use vitals_tests::{TestHost, guests};

use super::ground::{Ground, answers, ask, files_allowed, run};

#[tokio::test]
async fn what_is_no_file_is_an_error_at_once_and_nothing_happens_to_it() {
    let ground = Ground::new();
    let fifo = ground.path("in/fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(ground.path("in/socket")).unwrap();
    // A writer waits in its `open` until somebody opens the FIFO for reading.
    let writer = {
        let fifo = fifo.clone();
        std::thread::spawn(move || fs::OpenOptions::new().write(true).open(fifo).map(drop))
    };
    let socket = ground.path("in/socket");
    let check = ask(
        &[&ground.path("in"), "/dev"],
        &[
            ("read", fifo.as_str()),
            ("stat", fifo.as_str()),
            ("entries", fifo.as_str()),
            ("read", socket.as_str()),
            ("read", "/dev/zero"),
            ("read", "/dev/tty"),
            ("stat", "/dev/null"),
        ],
    )
    .await;
    let only = "only regular files and directories can be read";
    for (answer, what) in answers(&check).iter().zip([
        "a FIFO", "a FIFO", "a FIFO", "a socket", "a device", "a device", "a device",
    ]) {
        let end = format!(": it is {what}: {only}");
        assert!(
            answer.starts_with("failed: ") && answer.ends_with(&end),
            "{answer}"
        );
    }
    assert!(!writer.is_finished(), "the FIFO was opened");
    // Opened for both, it needs nobody; and so the writer comes free.
    let both = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&fifo)
        .unwrap();
    writer.join().unwrap().unwrap();
    drop(both);
}

#[tokio::test]
async fn a_grant_of_everything_leaves_out_what_the_kernel_makes_up() {
    let check = ask(
        &["/"],
        &[
            ("read", "/proc/self/environ"),
            ("read", "/proc/thread-self/environ"),
            ("read", "/proc/1/environ"),
            ("read", "/proc/self/root/etc/hostname"),
            ("read", "/proc/self/nothing"),
            ("read", "/proc/kmsg"),
            ("read", "/proc/nothing"),
            ("stat", "/sys/kernel"),
        ],
    )
    .await;
    let answers = answers(&check);
    for line in &answers[..3] {
        assert!(line.ends_with("which no plugin may read"), "{check:#}");
    }
    assert!(
        answers[4].ends_with("which no plugin may read"),
        "{check:#}"
    );
    for line in &answers[5..] {
        assert!(line.starts_with("denied: "), "{check:#}");
    }
    // That one leads to an ordinary place.
    let hostname = fs::read_to_string("/etc/hostname").unwrap();
    assert_eq!(answers[3].trim(), hostname.trim(), "{check:#}");

    // By its own name some of it is granted, and processes are not.
    let check = ask(
        &["/proc/loadavg", "/proc"],
        &[("read", "/proc/loadavg"), ("read", "/proc/self/environ")],
    )
    .await;
    let answers = self::answers(&check);
    assert!(answers[0].contains('/'), "{check:#}");
    assert!(
        answers[1].ends_with("which no plugin may read"),
        "{check:#}"
    );
}

#[tokio::test]
async fn a_file_that_the_host_may_not_read_is_an_error_in_words() {
    let ground = Ground::new();
    let file = ground.path("in/file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let check = ask(&[&file], &[("stat", &file), ("read", &file)]).await;
    let answers = answers(&check);
    assert!(answers[0].contains("\"size\":6"), "{check:#}");
    // The superuser may read everything.
    if fs::read(&file).is_ok() {
        assert_eq!(answers[1], "inside", "{check:#}");
    } else {
        assert!(
            answers[1].ends_with("the host has no permission"),
            "{check:#}"
        );
    }
}

#[tokio::test]
async fn a_directory_without_end_and_a_file_without_end_are_bounded() {
    let ground = Ground::new();
    let many = ground.path("in/many");
    fs::create_dir(&many).unwrap();
    for number in 0..20_000 {
        fs::write(Path::new(&many).join(format!("{number:05}")), "").unwrap();
    }
    let odd = ground.path("in/odd");
    fs::create_dir(&odd).unwrap();
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"b\xff");
    fs::write(Path::new(&odd).join(name), "").unwrap();
    fs::write(Path::new(&odd).join("a"), "").unwrap();
    let huge = ground.path("in/huge");
    fs::File::create(&huge).unwrap().set_len(1 << 30).unwrap();
    let old = ground.path("in/old");
    let moment = SystemTime::UNIX_EPOCH - Duration::from_millis(10_500);
    fs::File::create(&old)
        .unwrap()
        .set_modified(moment)
        .unwrap();
    let lines = ground.path("in/lines");
    fs::write(&lines, "a line\n".repeat(10_000)).unwrap();

    let asks = [
        json!({ "call": "entries", "path": many }),
        json!({ "call": "entries", "path": odd }),
        json!({ "call": "stat", "path": huge }),
        json!({ "call": "read", "path": huge, "most": u32::MAX }),
        json!({ "call": "read", "path": huge, "offset": (1_u64 << 30) - 5, "most": 100 }),
        json!({ "call": "read", "path": huge, "offset": 1_u64 << 30 }),
        json!({ "call": "read", "path": huge, "offset": i64::MAX }),
        json!({ "call": "read", "path": huge, "most": 0 }),
        json!({ "call": "whole", "path": huge, "most": 1000 }),
        json!({ "call": "tail", "path": lines, "most": 7 }),
        json!({ "call": "lines", "path": lines, "most": 8192 }),
        json!({ "call": "stat", "path": old }),
        json!({ "call": "read", "path": ground.path("in") }),
    ];
    let check = run(&files_allowed(&[&ground.path("in")]), &asks, "10s").await;
    let given = check["details"]["answers"]
        .as_array()
        .unwrap_or_else(|| panic!("{check:#}"));
    assert_eq!(given[0]["count"], 10_000, "{check:#}");
    assert_eq!(
        given[1],
        json!({ "count": 2, "first": "a", "last": "b\u{fffd}" })
    );
    assert_eq!(given[2]["size"], 1_u64 << 30);
    let lengths: Vec<_> = given[3..8].iter().map(|answer| &answer["length"]).collect();
    assert_eq!(lengths, [1 << 20, 5, 0, 0, 0], "{check:#}");
    assert!(
        given[8]["text"]
            .as_str()
            .unwrap()
            .ends_with("it is longer than 1000 bytes")
    );
    assert_eq!(given[9]["text"], "a line ");
    assert_eq!(given[10]["lines"], 10_000);
    assert_eq!(given[11]["modified"], -11, "{check:#}");
    assert!(
        given[12]["text"]
            .as_str()
            .unwrap()
            .ends_with("it is a directory")
    );
}

#[tokio::test]
async fn a_file_that_is_replaced_all_the_time_never_leads_out() {
    let ground = Ground::new();
    let file = ground.path("in/turning");
    ground.link(&ground.path("in/file"), "in/turning");
    // Now a link out of what is granted, now a file, now a link to another.
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let turning = {
        let (stop, ground_path, file) = (stop.clone(), ground.path(""), file.clone());
        std::thread::spawn(move || {
            let next = format!("{ground_path}/in/next");
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                symlink(format!("{ground_path}/out/secret"), &next).unwrap();
                fs::rename(&next, &file).unwrap();
                fs::write(&next, "a file").unwrap();
                fs::rename(&next, &file).unwrap();
                symlink("file", &next).unwrap();
                fs::rename(&next, &file).unwrap();
            }
        })
    };
    let config = format!(
        "[checks.orders]\nplugin = 'guest'\ntimeout = '20s'\n{}\n\
         config = {{ times = 5000, asks = [{{ call = 'read', path = '{file}' }}] }}",
        files_allowed(&[&ground.path("in")]),
    );
    let host = TestHost::builder()
        .library("guest", guests::FILES_READ)
        .config(&config)
        .start()
        .await;
    let check = host.check("orders").await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    turning.join().unwrap();
    let answers = answers(&check);
    for answer in &answers {
        let fine = ["inside", "a file"].contains(&answer.as_str())
            || answer.starts_with("denied: ")
            || answer.contains("changes faster")
            // A walk that meets the link again and again, each time a new one.
            || answer.contains("too many symlinks");
        assert!(fine, "{answer}");
    }
    assert!(answers.len() > 1, "it was seen to change: {answers:?}");
}
