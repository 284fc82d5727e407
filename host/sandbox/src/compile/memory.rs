//! How much memory this process may use: the limit of its control group, or all of the machine's.
//!
//! It only determines the number of parallel compilations; nothing is enforced here.

use std::fs;
use std::path::{Component, Path};

/// The bytes that this process and its children may use.
pub(super) fn limit() -> u64 {
    let info = rustix::system::sysinfo();
    let machine = u64::from(info.mem_unit).saturating_mul(info.totalram);
    let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    group_limit(Path::new("/sys/fs/cgroup"), &group).map_or(machine, |limit| limit.min(machine))
}

/// The lowest limit of a control group (version 2) and of its visible ancestors. `group` is the
/// content of `/proc/self/cgroup`.
fn group_limit(root: &Path, group: &str) -> Option<u64> {
    let path = group.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let is_below = |part: Component<'_>| matches!(part, Component::Normal(_));
    if !Path::new(path).components().all(is_below) {
        return None;
    }
    let own = root.join(path);
    let groups = own.ancestors().take_while(|group| group.starts_with(root));
    // `max` means no limit, and does not parse as a number.
    let limits = groups.filter_map(|group| {
        let limit = fs::read_to_string(group.join("memory.max")).ok()?;
        limit.trim().parse::<u64>().ok()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_limit_of_all_ancestors_counts() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("system.slice/vitals.service");
        fs::create_dir_all(&own).unwrap();
        let set = |group: &Path, limit: &str| fs::write(group.join("memory.max"), limit).unwrap();
        let limit = |group: &str| group_limit(root.path(), group);
        let group = "1:name=systemd:/\n0::/system.slice/vitals.service\n";
        assert_eq!(limit(group), None);
        set(&own, "max\n");
        assert_eq!(limit(group), None);
        set(root.path(), "4096\n");
        assert_eq!(limit(group), Some(4096));
        set(&own, "1024\n");
        assert_eq!(limit(group), Some(1024));
        // In a container the process sees its own group as the root.
        assert_eq!(limit("0::/\n"), Some(4096));
        // A group outside the visible tree.
        assert_eq!(limit("0::/../other\n"), None);
        assert_eq!(limit("9:memory:/\n"), None);
    }

    #[test]
    fn some_memory_is_always_allowed() {
        assert!(limit() > 1 << 20);
    }
}
