//! Files that are not plain: pipes, devices, files of the kernel, crowds, and files that change while
//! they are read.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode};
use serde_json::json;
use vitals_tests::TestHost;
use vitals_tests::guests::FILES_READ;

use super::tree::{Tree, answers, ask, files_allowed, run};

#[tokio::test]
async fn what_is_no_file_is_an_error_at_once_and_is_not_opened() {
    let tree = Tree::new();
    let fifo = tree.path("in/fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(tree.path("in/socket")).unwrap();
    // A writer waits in its `open` until somebody opens the FIFO for reading.
    let writer = {
        let fifo = fifo.clone();
        std::thread::spawn(move || fs::OpenOptions::new().write(true).open(fifo).map(drop))
    };
    let socket = tree.path("in/socket");
    let calls = [
        ("read", fifo.as_str()),
        ("stat", fifo.as_str()),
        ("entries", fifo.as_str()),
        ("read", socket.as_str()),
        ("read", "/dev/zero"),
        ("read", "/dev/tty"),
        ("stat", "/dev/null"),
    ];
    let check = ask(&[&tree.path("in"), "/dev"], &calls).await;
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
    // Opened for both, it needs no other end, and the writer continues.
    let mut options = fs::OpenOptions::new();
    let both = options.read(true).write(true).open(&fifo).unwrap();
    writer.join().unwrap().unwrap();
    drop(both);
}

#[tokio::test]
async fn a_grant_of_everything_excludes_the_files_of_the_kernel() {
    let calls = [
        ("read", "/proc/self/environ"),
        ("read", "/proc/thread-self/environ"),
        ("read", "/proc/1/environ"),
        ("read", "/proc/self/root/etc/hostname"),
        ("read", "/proc/self/nothing"),
        ("read", "/proc/kmsg"),
        ("read", "/proc/nothing"),
        ("stat", "/sys/kernel"),
    ];
    let check = ask(&["/"], &calls).await;
    let answers = answers(&check);
    let of_process = "which no plugin may read";
    for line in [0, 1, 2, 4].map(|index| &answers[index]) {
        assert!(line.ends_with(of_process), "{check:#}");
    }
    for line in &answers[5..] {
        assert!(line.starts_with("denied: "), "{check:#}");
    }
    // This path leads to an ordinary file.
    let hostname = fs::read_to_string("/etc/hostname").unwrap();
    assert_eq!(answers[3].trim(), hostname.trim(), "{check:#}");

    // A grant for /proc itself covers its files, but not those of processes.
    let calls = [("read", "/proc/loadavg"), ("read", "/proc/self/environ")];
    let check = ask(&["/proc/loadavg", "/proc"], &calls).await;
    let answers = self::answers(&check);
    assert!(answers[0].contains('/'), "{check:#}");
    assert!(answers[1].ends_with(of_process), "{check:#}");
}

#[tokio::test]
async fn a_file_that_the_host_cannot_read_is_an_error_with_a_reason() {
    let tree = Tree::new();
    let file = tree.path("in/file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let check = ask(&[&file], &[("stat", &file), ("read", &file)]).await;
    let answers = answers(&check);
    assert!(answers[0].contains("\"size\":6"), "{check:#}");
    // Root can read everything.
    let is_root = fs::read(&file).is_ok();
    let end = if is_root {
        "inside"
    } else {
        "the host has no permission"
    };
    assert!(answers[1].ends_with(end), "{check:#}");
}

#[tokio::test]
async fn huge_directories_and_files_are_read_up_to_a_limit() {
    let tree = Tree::new();
    let many = tree.path("in/many");
    fs::create_dir(&many).unwrap();
    for number in 0..20_000 {
        fs::write(Path::new(&many).join(format!("{number:05}")), "").unwrap();
    }
    let odd = tree.path("in/odd");
    fs::create_dir(&odd).unwrap();
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"b\xff");
    fs::write(Path::new(&odd).join(name), "").unwrap();
    fs::write(Path::new(&odd).join("a"), "").unwrap();
    let huge = tree.path("in/huge");
    fs::File::create(&huge).unwrap().set_len(1 << 30).unwrap();
    let old = tree.path("in/old");
    let moment = SystemTime::UNIX_EPOCH - Duration::from_millis(10_500);
    fs::File::create(&old)
        .unwrap()
        .set_modified(moment)
        .unwrap();
    let lines = tree.path("in/lines");
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
        json!({ "call": "read", "path": tree.path("in") }),
    ];
    let check = run(&files_allowed(&[&tree.path("in")]), &asks, "10s").await;
    let given = &check["details"]["answers"];
    assert_eq!(given[0]["count"], 10_000, "{check:#}");
    assert_eq!(
        given[1],
        json!({ "count": 2, "first": "a", "last": "b\u{fffd}" })
    );
    assert_eq!(given[2]["size"], 1_u64 << 30);
    let lengths = [3, 4, 5, 6, 7].map(|index| &given[index]["length"]);
    assert_eq!(lengths, [1 << 20, 5, 0, 0, 0], "{check:#}");
    let answers = answers(&check);
    assert!(
        answers[8].ends_with("it is longer than 1000 bytes"),
        "{check:#}"
    );
    assert_eq!(given[9]["text"], "a line ");
    assert_eq!(given[10]["lines"], 10_000);
    assert_eq!(given[11]["modified"], -11, "{check:#}");
    assert!(answers[12].ends_with("it is a directory"), "{check:#}");
}

#[tokio::test]
async fn a_file_that_is_replaced_constantly_never_leads_outside() {
    let tree = Tree::new();
    let file = tree.path("in/turning");
    tree.link(&tree.path("in/file"), "in/turning");
    // In turn: a link to outside of the grant, a file, a link to another file.
    let stop = Arc::new(AtomicBool::new(false));
    let turning = {
        let (stop, tree_path, file) = (stop.clone(), tree.path(""), file.clone());
        std::thread::spawn(move || {
            let next = format!("{tree_path}/in/next");
            while !stop.load(Ordering::Relaxed) {
                symlink(format!("{tree_path}/out/secret"), &next).unwrap();
                fs::rename(&next, &file).unwrap();
                fs::write(&next, "a file").unwrap();
                fs::rename(&next, &file).unwrap();
                symlink("file", &next).unwrap();
                fs::rename(&next, &file).unwrap();
            }
        })
    };
    let config = format!(
        "[checks.orders]\nplugin = 'files-read'\ntimeout = '20s'\n{}\n\
         config = {{ times = 5000, asks = [{{ call = 'read', path = '{file}' }}] }}",
        files_allowed(&[&tree.path("in")]),
    );
    let host = TestHost::start(&config, [FILES_READ]).await;
    let check = host.check("orders").await;
    stop.store(true, Ordering::Relaxed);
    turning.join().unwrap();
    let answers = answers(&check);
    for answer in &answers {
        let fine = ["inside", "a file"].contains(&answer.as_str())
            || answer.starts_with("denied: ")
            || answer.contains("changes faster")
            // The walk meets a new link each time.
            || answer.contains("too many symlinks");
        assert!(fine, "{answer}");
    }
    assert!(answers.len() > 1, "the guest saw it change: {answers:?}");
}
