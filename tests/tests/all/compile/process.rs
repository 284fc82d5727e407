//! The processes that compile, as the kernel shows them.

use std::fs;
use std::path::PathBuf;

use vitals_tests::{eventually, when};

/// The compiling child processes of all hosts of this user whose arguments contain `mark`.
pub(super) fn compiling(mark: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("there is /proc");
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_ours = |id: &u32| {
        let arguments = fs::read(file(*id, "cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        arguments.starts_with("vitals\0compile\0") && arguments.contains(mark)
    };
    ids.filter(is_ours).collect()
}

/// Waits for such a process that meets a condition.
pub(super) async fn one_compiling(mark: &str, is_it: impl Fn(u32) -> bool) -> u32 {
    eventually("a child compiles", async || {
        let found = compiling(mark);
        let one = found.iter().copied().find(|id| is_it(*id));
        one.ok_or_else(|| format!("{found:?}"))
    })
    .await
}

/// Waits for a process to end. One that nobody has waited for yet has ended too.
pub(super) async fn gone(id: u32) {
    eventually("the child ends", async || {
        let state = stat(id).map(|fields| fields[0].clone()).unwrap_or_default();
        when(["", "Z", "X"].contains(&state.as_str()), state)
    })
    .await;
}

/// The fields of `proc_pid_stat(5)` from the state on.
pub(super) fn stat(id: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(file(id, "stat")).ok()?;
    // The name before the state is in parentheses.
    let (_, fields) = stat.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

pub(super) fn file(id: u32, name: &str) -> PathBuf {
    format!("/proc/{id}/{name}").into()
}
