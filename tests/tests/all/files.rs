//! Files of the machine: what a grant covers, what it doesn't, and that nothing in a file system makes
//! the host wait or do anything.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value, json};
use tempfile::TempDir;
use vitals_tests::{TestHost, guests};

/// A directory with a granted one, `in`, and another, `out`.
struct Ground(TempDir);

impl Ground {
    fn new() -> Self {
        let ground = Self(TempDir::with_prefix("vitals-files-").expect("a directory"));
        for directory in ["in/below", "in2", "out"] {
            fs::create_dir_all(ground.path(directory)).expect("a directory");
        }
        for (file, text) in [
            ("in/file", "inside"),
            ("in/below/deep", "deep inside"),
            ("in2/file", "beside"),
            ("out/secret", "outside"),
        ] {
            fs::write(ground.path(file), text).expect("a file");
        }
        ground
    }

    fn path(&self, below: &str) -> String {
        self.0.path().join(below).display().to_string()
    }

    fn link(&self, target: &str, link: &str) {
        symlink(target, self.path(link)).expect("a symlink");
    }

    /// A text without where this is.
    fn tidy(&self, text: &str) -> String {
        vitals_tests::tidy(self.0.path(), text)
    }
}

/// Runs a check with grants for `files` that asks for each path by a call.
async fn ask(files: &[&str], asks: &[(&str, &str)]) -> Value {
    let asks: Vec<_> = asks
        .iter()
        .map(|(call, path)| json!({ "call": call, "path": path }))
        .collect();
    run(&files_allowed(files), &asks, "10s").await
}

fn files_allowed(files: &[&str]) -> String {
    format!("allow = {{ files = {} }}", json!(files))
}

/// A host whose check asks, with this timeout.
async fn start(allow: &str, asks: &[Value], timeout: &str) -> TestHost {
    // But for the colons, TOML writes tables and texts as JSON does.
    let asks = json!(asks).to_string().replace("\":", "\" = ");
    TestHost::builder()
        .library("guest", guests::FILES_READ)
        .config(&format!(
            "[checks.orders]\nplugin = 'guest'\ntimeout = '{timeout}'\n{allow}\n\
             config = {{ asks = {asks} }}"
        ))
        .start()
        .await
}

async fn run(allow: &str, asks: &[Value], timeout: &str) -> Value {
    start(allow, asks, timeout).await.check("orders").await
}

/// What the guest got, one line each.
fn answers(check: &Value) -> Vec<String> {
    let answers = check["details"]["answers"].as_array();
    let answers = answers.unwrap_or_else(|| panic!("{check:#}"));
    answers
        .iter()
        .map(|answer| match answer["error"].as_str() {
            Some(error) => format!("{error}: {}", answer["text"].as_str().unwrap_or_default()),
            None => match answer["text"].as_str() {
                Some(text) => text.to_owned(),
                None => answer.to_string(),
            },
        })
        .collect()
}

fn refusals(check: &Value) -> Vec<String> {
    let refusals = check["result"]["refusals"].as_array().expect("refusals");
    refusals
        .iter()
        .filter_map(|refusal| refusal["message"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn a_directory_grants_what_is_below_it_and_nothing_beside() {
    let ground = Ground::new();
    let (within, beside) = (ground.path("in"), ground.path("in2/file"));
    let asks = [
        ("read", ground.path("in/file")),
        ("read", ground.path("in//below/./deep/")),
        ("read", beside.clone()),
        ("read", ground.path("out/secret")),
        ("read", ground.path("out/nothing")),
        ("stat", ground.path("in")),
        ("stat", ground.path("")),
    ];
    let asks: Vec<_> = asks
        .iter()
        .map(|(call, path)| (*call, path.as_str()))
        .collect();
    let check = ask(&[&within], &asks).await;
    let answers = answers(&check);
    assert_eq!(answers[..2], ["inside", "deep inside"], "{check:#}");
    assert_eq!(
        check["status"], "healthy",
        "a refusal changes no status: {check:#}"
    );
    assert!(answers[2].starts_with("denied: cannot read"), "{check:#}");
    // What is there and what is not look the same.
    let same = |line: &str| line.replace("secret", "_").replace("nothing", "_");
    assert_eq!(same(&answers[3]), same(&answers[4]));
    assert!(answers[5].contains("\"directory\":true"), "{check:#}");
    assert!(answers[6].starts_with("denied"), "{check:#}");
    let refusals = refusals(&check);
    assert_eq!(
        ground.tidy(&refusals[0]),
        "denied: file <dir>/in2/file (add it to `allow.files` of check `orders`)"
    );
    assert_eq!(refusals.len(), 4);
    assert_eq!(check["result"]["refusals"][0]["kind"], "file");
}

#[tokio::test]
async fn a_file_that_is_written_is_granted_and_just_that() {
    let ground = Ground::new();
    let (granted, other) = (ground.path("in/file"), ground.path("in/below/deep"));
    let host = TestHost::builder()
        .library("guest", guests::FILES_READ)
        .config(&format!(
            "[checks.orders]\nplugin = 'guest'\nconfig = {{ granted = '{granted}' }}\n\
             [checks.other]\nplugin = 'guest'\nconfig = {{ granted = '{granted}', \
             asks = [{{ call = 'read', path = '{other}' }}, {{ call = 'entries', path = '{granted}' }}] }}"
        ))
        .start()
        .await;
    let check = host.check("orders").await;
    assert_eq!(answers(&check), ["inside"], "{check:#}");
    let check = host.check("other").await;
    let answers = answers(&check);
    assert!(answers[0].starts_with("denied"), "{check:#}");
    assert!(answers[1].ends_with("it is no directory"), "{check:#}");
    let page = host.get("/plugins").await.text().to_owned();
    assert!(
        page.contains(&format!("file {granted}")),
        "the grants are shown: {page}"
    );
}

#[tokio::test]
async fn a_file_that_is_asked_for_without_any_grant_is_denied() {
    let check = ask(&[], &[("read", "/etc/hostname"), ("stat", "/etc/nothing")]).await;
    assert_eq!(
        refusals(&check),
        [
            "denied: file /etc/hostname (add it to `allow.files` of check `orders`)",
            "denied: file /etc/nothing (add it to `allow.files` of check `orders`)"
        ]
    );
}

#[tokio::test]
async fn symlinks_are_followed_before_the_grant_is_asked() {
    let ground = Ground::new();
    ground.link("below/deep", "in/relative");
    ground.link(&ground.path("in/below"), "in/absolute");
    ground.link("../out/secret", "in/escape");
    ground.link(&ground.path("out"), "in/way-out");
    ground.link(&ground.path("out/nothing"), "in/dangling-out");
    ground.link("nothing", "in/dangling-in");
    ground.link("loop", "in/loop");
    ground.link(&ground.path("in/file"), "out/link-in");
    let paths = [
        "in/relative",
        "in/absolute/deep",
        "in/escape",
        "in/way-out/secret",
        "in/way-out/nothing",
        "in/dangling-out",
        "in/dangling-in",
        "in/nothing",
        "in/file/below",
        "in/loop",
        "out/link-in",
    ]
    .map(|path| ground.path(path));
    let asks: Vec<_> = paths.iter().map(|path| ("read", path.as_str())).collect();
    let check = ask(&[&ground.path("in")], &asks).await;
    let answers = ground.tidy(&answers(&check).join("\n"));
    insta::assert_snapshot!("symlinks", answers);
    // Where a link leads is for the operator, not for the guest.
    assert!(!answers.contains("secret (add"), "{answers}");
    insta::assert_snapshot!(
        "symlinks_refused",
        ground.tidy(&refusals(&check).join("\n"))
    );
}

#[tokio::test]
async fn a_link_may_lead_from_one_grant_to_another() {
    let ground = Ground::new();
    ground.link(&ground.path("out/secret"), "in/link");
    let (within, link) = (ground.path("in"), ground.path("in/link"));
    let check = ask(&[&within, &ground.path("out/secret")], &[("read", &link)]).await;
    assert_eq!(answers(&check), ["outside"], "{check:#}");
}

#[tokio::test]
async fn a_grant_may_be_a_symlink_and_is_followed_at_the_call() {
    // As Kubernetes mounts a volume: `..data` is replaced by a link to another directory.
    let ground = Ground::new();
    for (version, text) in [("one", "first"), ("two", "second")] {
        fs::create_dir_all(ground.path(&format!("volume/..{version}"))).unwrap();
        fs::write(ground.path(&format!("volume/..{version}/key")), text).unwrap();
    }
    ground.link("..one", "volume/..data");
    ground.link("..data/key", "volume/key");
    ground.link("volume", "config");
    let (granted, key) = (ground.path("config/key"), ground.path("volume/..two/key"));
    let asks = [
        json!({ "call": "read", "path": granted }),
        json!({ "call": "read", "path": key }),
    ];
    let host = start(
        &format!("interval = '1s'\n{}", files_allowed(&[&granted])),
        &asks,
        "1s",
    )
    .await;
    let check = host.check("orders").await;
    assert_eq!(answers(&check)[0], "first", "{check:#}");
    assert!(answers(&check)[1].starts_with("denied"), "{check:#}");

    ground.link("..two", "volume/..new");
    fs::rename(ground.path("volume/..new"), ground.path("volume/..data")).unwrap();
    host.eventually_check("orders", "the other version is read", |check| {
        check["details"]["answers"][0]["text"] == "second"
    })
    .await;
}

#[tokio::test]
async fn paths_that_are_no_plain_paths_are_errors_in_words() {
    let ground = Ground::new();
    let long = format!("{}{}", ground.path("in"), "/x".repeat(50_000));
    let name = ground.path(&format!("in/{}", "n".repeat(300)));
    let up = ground.path("in/../out/secret");
    let nul = ground.path("in/file\0.txt");
    let check = ask(
        &[&ground.path("in"), "/"],
        &[
            ("read", up.as_str()),
            ("read", "in/file"),
            ("read", ""),
            ("read", nul.as_str()),
            ("read", long.as_str()),
            ("read", name.as_str()),
        ],
    )
    .await;
    let reasons: Vec<_> = answers(&check)
        .iter()
        .map(|line| {
            let (kind, _) = line.split_once(": ").unwrap();
            let (_, why) = line.rsplit_once(": ").unwrap();
            format!("{kind}: {why}")
        })
        .collect();
    assert_eq!(
        reasons,
        [
            "failed: the path has `..` in it",
            "failed: the path is not absolute",
            "failed: the path is not absolute",
            "failed: the path has a NUL in it",
            "failed: the path is too long",
            "failed: the path is too long",
        ],
        "{check:#}"
    );
}

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
async fn a_file_that_is_replaced_all_the_time_is_read_whole_each_time() {
    let ground = Ground::new();
    let file = ground.path("in/turning");
    ground.link(&ground.path("in/file"), "in/turning");
    // Now a link to a granted file, now one to another, now a file.
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
         config = {{ times = 500, asks = [{{ call = 'read', path = '{file}' }}{}] }}",
        files_allowed(&[&ground.path("in")]),
        format!(", {{ call = 'read', path = '{file}' }}").repeat(9)
    );
    let host = TestHost::builder()
        .library("guest", guests::FILES_READ)
        .config(&config)
        .start()
        .await;
    let check = host.check("orders").await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    turning.join().unwrap();
    for answer in answers(&check) {
        let fine = ["inside", "a file"].contains(&answer.as_str());
        assert!(
            fine || answer.starts_with("denied: ") || answer.contains("changes faster"),
            "{answer}"
        );
    }
}
