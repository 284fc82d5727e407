//! The child process that compiles: what it can reach, how it ends, and programs that are no
//! compilers.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::{FdFlags, fcntl_setfd};
use tempfile::TempDir;
use vitals_host::plugin::{CompileLimits, Compiler};
use vitals_tests::{Place, TestHostBuilder, Vitals, binary, bomb, eventually, guests, when};

use super::process::{file, gone, one_compiling, stat};
use super::{Duration, FOREVER, PLENTY, fresh, host_failed, is_healthy, limited, rejected};

/// A host whose compiler is a program that does what each plugin says: `fake:<how>`.
fn faked(time: Duration) -> TestHostBuilder {
    let limits = CompileLimits {
        time,
        memory: PLENTY,
    };
    let program = Path::new(env!("CARGO_BIN_EXE_fake-compiler"));
    let fake = Compiler::program(program).expect("it was built with the tests");
    fresh().with(|host| host.compiler(fake.limits(limits)))
}

/// A component with a custom section that tells the program what to do.
fn told(how: &str) -> Vec<u8> {
    let text = format!("fake:{how}");
    let length = u8::try_from(text.len() + 1).expect("it is short");
    assert!(length < 0x80, "it is one byte: {how}");
    let mut component = b"\0asm\x0d\0\x01\0\0".to_vec();
    component.extend([length, 0]);
    component.extend(text.into_bytes());
    component
}

#[tokio::test]
async fn a_compiler_that_misbehaves_fails_only_the_plugin() {
    let crashed = "; please report this with the file";
    let answer = "did not reply like a compiler";
    let cases = [
        (
            "exit",
            "the compiler crashed on it (exit status 3) and wrote: I would rather [31mnot",
        ),
        ("flood", "(exit status 4) and wrote: "),
        ("flood", crashed),
        ("abort", "the compiler crashed on it (SIGABRT); please"),
        ("silent", "(it exited without a reply)"),
        ("truncated", "(it exited without a reply)"),
        ("garbage", "(its reply has another format)"),
        ("lying", "(its digest is wrong)"),
        ("lying", answer),
        (
            "huge",
            "its compiled code has 18446744073709551615 bytes, the limit is 8388",
        ),
    ];
    let mut builder = faked(FOREVER);
    for (how, _) in cases {
        builder = builder.plugin(how, told(how));
    }
    let host = builder.start().await;
    for (how, expected) in cases {
        // Without a reply of a compiler, nothing is known about the file.
        let why = match how {
            "silent" | "truncated" | "garbage" | "lying" => host_failed(&host, how).await,
            _ => rejected(&host, how).await,
        };
        assert!(why.contains(expected), "{how}: {why}");
        assert!(why.len() < 1000, "{how}: {why}");
    }
    assert_eq!(host.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn a_compilation_that_was_killed_from_outside_is_repeated_at_a_reload() {
    let builder = faked(FOREVER);
    let mark = builder.place().path().join("mark");
    let how = told(&format!("killed-once {}", mark.display()));
    let host = builder.plugin("file", how).start().await;
    let why = host_failed(&host, "file").await;
    let expected = "the compiler was killed while compiling it";
    assert!(why.starts_with(expected), "{why}");
    assert!(mark.exists(), "it was killed");
    host.reload(&[]).await;
    let is_repeated =
        |check: &serde_json::Value| check["message"].to_string().contains("not again");
    host.eventually_check("module:file", "the next reply", is_repeated)
        .await;
}

#[tokio::test]
async fn a_compiler_that_hangs_is_abandoned() {
    let builder = faked(Duration::from_millis(500)).plugin("hang", told("hang"));
    let host = builder.start().await;
    let why = host_failed(&host, "hang").await;
    let expected = "it was not compiled within 2.5s and got ";
    assert!(why.starts_with(expected), "{why}");
}

#[tokio::test]
async fn a_program_that_is_no_compiler_is_an_error() {
    let other = Compiler::program(Path::new("/bin/false")).expect("every machine has it");
    let host = fresh().with(|host| host.compiler(other));
    let host = host.plugin("good", guests::HELLO).start().await;
    let why = rejected(&host, "good").await;
    let expected = "the compiler crashed on it (exit status 1)";
    assert!(why.starts_with(expected), "{why}");
    assert!(Compiler::program(Path::new("/nowhere/vitals")).is_err());
}

#[tokio::test]
async fn a_child_inherits_only_its_pipes() {
    let builder = faked(FOREVER);
    let report = builder.place().path().join("report");
    let spy = told(&format!("spy {}", report.display()));
    let host = builder.plugin("spy", spy).start().await;
    host_failed(&host, "spy").await;
    assert_eq!(
        fs::read_to_string(report).expect("it was written"),
        "environment: 0\n0: pipe\n1: pipe\n2: pipe\ndirectory: /\n"
    );
}

#[tokio::test]
async fn a_child_confines_itself_and_closes_inherited_descriptors() {
    // A library that this program uses might leave this open, and inheritable.
    let leaked = File::open("/proc/version").expect("it is there");
    fcntl_setfd(&leaked, FdFlags::empty()).expect("it is open");
    let builder = limited(Duration::from_secs(51), PLENTY);
    let host = builder.plugin("bomb", bomb::endless(100, 2000));
    let host = host.start().await;
    // It has executed itself a second time, and limits itself right after that.
    let mark = "--seconds\u{0}51\u{0}--bytes\u{0}2147483648\u{0}--again";
    let child = one_compiling(mark, |_| true).await;
    let read = |name: &str| fs::read_to_string(file(child, name)).expect("it runs");
    let limits = eventually("it is confined", async || {
        let limits = read("limits");
        let alone = |line: &str| line.starts_with("Max processes") && words(line)[2] == "0";
        when(limits.lines().any(alone), limits)
    })
    .await;
    for (limit, expected) in [
        ("Max cpu time", "51"),
        ("Max file size", "0"),
        ("Max data size", "2147483648"),
        ("Max core file size", "0"),
        ("Max open files", "8"),
        ("Max address space", "3221225472"),
    ] {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit));
        let line = line.unwrap_or_else(|| panic!("there is no {limit} in {limits}"));
        assert_eq!(words(line)[0], expected, "{limit}");
    }
    assert!(read("status").contains("NoNewPrivs:\t1\n"));
    assert_eq!(read("oom_score_adj"), "1000\n");
    assert_eq!(read("environ"), "");
    assert_eq!(fs::read_link(file(child, "cwd")).unwrap(), Path::new("/"));
    let stat = stat(child).expect("it runs");
    let nice: i32 = stat[16].parse().expect("a number");
    assert!(nice >= 10, "{stat:?}");
    let descriptors = fs::read_dir(file(child, "fd")).expect("it runs");
    for descriptor in descriptors {
        let path = descriptor.expect("an entry").path();
        let open = fs::read_link(&path).expect("it is open");
        let open = open.display().to_string();
        assert!(open.starts_with("pipe:"), "{}: {open}", path.display());
    }
    drop((host, leaked));
    gone(child).await;
}

fn parent_of(process: u32) -> Option<u32> {
    stat(process)?[1].parse().ok()
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[tokio::test]
async fn a_child_ends_with_the_host_however_that_ends() {
    let vitals = Vitals::new(["serve", "--listen", "127.0.0.1:0"]);
    let vitals = vitals.plugin("bomb", bomb::endless(100, 2001));
    let serving = vitals.serve().await;
    let child = one_compiling("", |child| parent_of(child) == Some(serving.id())).await;
    // By SIGKILL, so that the host cannot clean up.
    drop(serving);
    gone(child).await;
}

#[tokio::test]
async fn the_compiler_is_the_program_that_was_there_at_the_start() {
    let real = fs::read_link("/proc/self/exe").expect("there is /proc");
    let directory = real.parent().expect("it lies somewhere");
    let directory = TempDir::new_in(directory).expect("cannot make a directory");
    let program = directory.path().join("vitals");
    fs::hard_link(binary(), &program).expect("it is on the same disk");
    let opened = Compiler::program(&program).expect("it is there");
    fs::remove_file(&program).unwrap();
    fs::write(&program, "an upgrade").unwrap();
    let host = fresh().with(|host| host.compiler(opened));
    let host = host.plugin("good", guests::HELLO).start().await;
    let check = host.check("module:good").await;
    assert!(is_healthy(&check), "{check:#}");
}

#[test]
fn a_compiler_of_another_version_says_which_it_is() {
    let job = "compile --engine other --seconds 9 --bytes 2000000000";
    let replied = Vitals::new(job.split(' ')).exits(0);
    let ours = format!("{}-vitals-", vitals_host::plugin::WASMTIME);
    assert!(replied.stdout.contains(&ours), "{replied}");
}

#[tokio::test]
async fn commands_compile_in_a_child_too() {
    let place = Place::new();
    place.write("plugins/bomb.wasm", bomb::endless(100, 2000));
    for arguments in [
        &["inspect", "plugins/bomb.wasm"][..],
        &["check", "plugins/bomb.wasm"],
        &["check", "module:bomb"],
        &["validate"],
    ] {
        let mut command = Command::new(binary())
            .args(arguments)
            .current_dir(place.path())
            .env_clear()
            .stderr(Stdio::null())
            .spawn()
            .expect("it was built");
        let parent = Some(command.id());
        let child = one_compiling("", |child| parent_of(child) == parent).await;
        command.kill().expect("it runs");
        command.wait().expect("it was killed");
        gone(child).await;
    }
}
