//! The system call filter of the unit allows the calls of the host and of its compiling child.

use std::collections::BTreeSet;
use std::fs;

use vitals_tests::servers::installed;
use vitals_tests::{Place, Serving, binary, eventually, guests, when};

use super::{Tree, run};

/// The calls in a set of systemd, including the sets in it.
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

/// The calls that the unit allows.
fn allowed() -> BTreeSet<String> {
    let unit = Tree::new().read("systemd/vitals.service");
    let mut allowed = BTreeSet::new();
    let lines = unit.lines();
    for filter in lines.filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        match filter.strip_prefix('~') {
            Some(taken) => {
                let taken = calls(taken);
                allowed.retain(|call| !taken.contains(call));
            }
            None => allowed.extend(calls(filter)),
        }
    }
    // These always are, see systemd.exec(5).
    allowed.extend(["execve", "restart_syscall"].map(str::to_owned));
    allowed
}

#[tokio::test]
async fn the_filter_lets_the_host_and_its_compiling_child_work() {
    let place = Place::new();
    let trace = place.path().join("trace");
    place.write_plugin("hello", guests::HELLO);
    let config = "[server]\nlisten = '127.0.0.1:0'\n[plugins]\ncache_dir = 'code'";
    place.write("vitals.toml", config);
    let mut command = installed("strace", "strace");
    command
        // Not as the parent of the host, so that signals reach it. Frequent calls that every filter
        // allows are left out.
        .args("-D -f -qq --seccomp-bpf -e signal=none -e".split(' '))
        .arg("trace=!futex,read,write,epoll_wait,sched_yield,mprotect,mmap,munmap,madvise")
        .arg("-o")
        .arg(&trace)
        .arg(binary())
        .arg("serve")
        .current_dir(place.path())
        .env_clear();
    let mut host = Serving::begin(command, place).up().await;
    eventually("the plugin runs", async || {
        let health = host.get("/health").await?.body;
        when(health.contains("\"healthy\""), health)
    })
    .await;
    host.terminate();
    host.ended().await;
    let called = eventually("the trace is complete", async || {
        let text = fs::read_to_string(&trace).map_err(|error| error.to_string())?;
        let called: BTreeSet<_> = text.lines().filter_map(call).map(str::to_owned).collect();
        let of_child = ["prlimit64", "setpriority", "prctl", "exit_group"];
        let is_complete = of_child.iter().all(|call| called.contains(*call));
        is_complete.then_some(called).ok_or(text)
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
