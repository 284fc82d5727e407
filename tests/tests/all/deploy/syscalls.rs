//! The filter of the unit lets through what the host and its compiling child ask of the kernel.

use std::collections::BTreeSet;
use std::fs;

use vitals_tests::servers::installed;
use vitals_tests::{Place, Serving, binary, eventually, guests};

use super::{Tree, run};

/// The calls in a set of systemd's, with those of the sets in it.
fn calls(set: &str) -> BTreeSet<String> {
    let said = run(
        installed("systemd", "systemd-analyze").args(["syscall-filter", set]),
        "",
    );
    assert_eq!(said.status, Some(0), "{set}: {}", said.stderr);
    let mut calls = BTreeSet::new();
    let lines = said.stdout.lines().skip(1).map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('@') {
            calls.extend(self::calls(line));
        } else {
            calls.insert(line.to_owned());
        }
    }
    calls
}

/// What the unit lets through.
fn allowed() -> BTreeSet<String> {
    let unit = Tree::new().read("systemd/vitals.service");
    let filters = unit
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="));
    let mut allowed = BTreeSet::new();
    for filter in filters {
        match filter.strip_prefix('~') {
            Some(taken) => {
                let taken = calls(taken);
                allowed.retain(|call| !taken.contains(call));
            }
            None => allowed.extend(calls(filter)),
        }
    }
    // It always is, as systemd.exec(5) says.
    allowed.extend(["execve", "restart_syscall"].map(str::to_owned));
    allowed
}

#[tokio::test]
async fn the_filter_lets_the_host_and_its_compiling_child_work() {
    let place = Place::new();
    let trace = place.path().join("trace");
    place.write("plugins/hello.wasm", Vec::from(guests::HELLO));
    place.write(
        "vitals.toml",
        "[server]\nlisten = '127.0.0.1:0'\n[plugins]\ncache_dir = 'code'",
    );
    let mut command = installed("strace", "strace");
    command
        // Beside the host and not above it, so that signals reach it. Calls that come by the thousand and
        // are in every filter are left out.
        .args([
            "-D",
            "-f",
            "-qq",
            "--seccomp-bpf",
            "-e",
            "signal=none",
            "-e",
        ])
        .arg("trace=!futex,read,write,epoll_wait,sched_yield,mprotect,mmap,munmap,madvise")
        .arg("-o")
        .arg(&trace)
        .arg(binary())
        .arg("serve")
        .current_dir(place.path())
        .env_clear();
    let mut host = Serving::begin(command, place).up().await;
    eventually("the plugin runs", async || {
        let health = host.get("/health").await?;
        if health.text().contains("\"healthy\"") {
            Ok(())
        } else {
            Err(health.body)
        }
    })
    .await;
    host.terminate();
    host.ended().await;
    let called = eventually("all is written down", async || {
        let text = fs::read_to_string(&trace).map_err(|error| error.to_string())?;
        let called: BTreeSet<_> = text.lines().filter_map(call).map(str::to_owned).collect();
        // Those of the child's.
        let whole = ["prlimit64", "setpriority", "prctl", "exit_group"];
        let is_whole = whole.iter().all(|call| called.contains(*call));
        if is_whole {
            Ok(called)
        } else {
            Err(format!("{called:?}"))
        }
    })
    .await;
    let allowed = allowed();
    assert!(
        allowed.len() > 100 && !allowed.contains("mount"),
        "{allowed:?}"
    );
    let refused: Vec<_> = called.difference(&allowed).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

/// The name of the call in a line of strace.
fn call(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(' ')?;
    let (name, _) = rest.trim_start().split_once('(')?;
    let is_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
    name.chars().all(is_name).then_some(name)
}
