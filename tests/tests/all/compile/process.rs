//! Compiling children as the kernel shows them.

use std::fs;
use std::path::PathBuf;

use vitals_tests::eventually;

/// The children that compile, of any host of this user, whose arguments hold `mark`.
pub(super) fn compiling(mark: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("there is /proc");
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_ours = |number: &u32| {
        let arguments = fs::read(file(*number, "cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        arguments.starts_with("vitals\0compile\0") && arguments.contains(mark)
    };
    numbers.filter(is_ours).collect()
}

/// Waits for one to begin.
pub(super) async fn one_compiling(mark: &str) -> u32 {
    eventually("a child compiles", async || {
        compiling(mark).first().copied().ok_or_else(String::new)
    })
    .await
}

/// Waits for a process to end.
pub(super) async fn gone(number: u32) {
    eventually("the child ends", async || {
        // One that nobody has waited for yet has ended all the same.
        let stat = fs::read_to_string(file(number, "stat")).unwrap_or_default();
        match stat.rsplit_once(") ") {
            Some((_, rest)) if !rest.starts_with(['Z', 'X']) => Err(stat),
            _ => Ok(()),
        }
    })
    .await;
}

pub(super) fn file(number: u32, name: &str) -> PathBuf {
    format!("/proc/{number}/{name}").into()
}
