//! A program that is started as a compiler and behaves badly: the file that it is to compile says
//! how, in its last section.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut length = [0; 8];
    let mut wasm = Vec::new();
    let mut stdin = io::stdin().lock();
    let read = stdin.read_exact(&mut length).and_then(|()| {
        let length = u64::from_le_bytes(length);
        stdin.by_ref().take(length).read_to_end(&mut wasm)
    });
    if let Err(error) = read {
        return say(&format!("cannot read the file: {error}"), 2);
    }
    let text = String::from_utf8_lossy(&wasm).into_owned();
    let (_, told) = text.split_once("fake:").unwrap_or_default();
    match told.split_once(' ').unwrap_or((told, "")) {
        ("exit", _) => say("I would rather \u{1b}[31mnot", 3),
        ("flood", _) => say(&"blah\n".repeat(1 << 20), 4),
        ("abort", _) => std::process::abort(),
        ("killed-once", mark) => killed_once(mark),
        ("silent", _) => ExitCode::SUCCESS,
        ("hang", _) => loop {
            std::thread::park();
        },
        ("garbage", _) => loop {
            if io::stdout().write_all(&[b'x'; 4096]).is_err() {
                return ExitCode::SUCCESS;
            }
        },
        ("huge", _) => answer(u64::MAX, b""),
        ("lying", _) => answer(4, b"code"),
        ("truncated", _) => answer(1000, b"code"),
        ("spy", path) => spy(path),
        (other, _) => say(&format!("what is `{other}`?"), 2),
    }
}

fn say(text: &str, status: u8) -> ExitCode {
    let _ = io::stderr().write_all(text.as_bytes());
    status.into()
}

/// Compiled code, with a digest of zeros.
fn answer(length: u64, body: &[u8]) -> ExitCode {
    let mut bytes = b"vitals\0\x01\0".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend([0; 32]);
    bytes.extend(body);
    let _ = io::stdout().write_all(&bytes);
    ExitCode::SUCCESS
}

/// Ends as the kernel ends who takes the last memory; the next time it does not, which the directory
/// `mark` tells.
fn killed_once(mark: &str) -> ExitCode {
    if fs::create_dir(mark).is_err() {
        return say("not again", 3);
    }
    let own = rustix::process::getpid();
    let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    ExitCode::SUCCESS
}

/// Writes down what it was given.
fn spy(path: &str) -> ExitCode {
    let environment = fs::read("/proc/self/environ").unwrap_or_default();
    let pipes = [0, 1, 2].map(|descriptor| {
        let open = fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap_or_default();
        let open = open.to_string_lossy().into_owned();
        let (kind, _) = open.split_once(':').unwrap_or((&open, ""));
        format!("{descriptor}: {kind}\n")
    });
    let directory = fs::read_link("/proc/self/cwd").unwrap_or_default();
    let report = format!(
        "environment: {}\n{}directory: {}\n",
        environment.len(),
        pipes.concat(),
        directory.display()
    );
    match fs::write(path, report) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => say(&error.to_string(), 2),
    }
}
