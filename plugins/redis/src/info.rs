//! Parses INFO, in which a server describes itself.

use std::str::FromStr;

use crate::Role;

/// The parts of INFO that are checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Info {
    /// `None` for a master.
    pub(crate) link: Option<Link>,
    /// Some services report no limit.
    pub(crate) memory: Option<Memory>,
    /// The number of connected clients and its limit. Some versions and services do not report it.
    pub(crate) clients: Option<(f64, f64)>,
    /// The kinds of saves that failed last time: `RDB`, `AOF`.
    pub(crate) failed_saves: Vec<&'static str>,
}

/// The state of a replica's connection to its master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Connected, and last heard from so many seconds ago.
    Up(u32),
    /// Disconnected for so many seconds.
    Down(u32),
    /// In full synchronization.
    Syncing,
    /// Never connected since the replica started.
    Never,
}

/// Bytes in use, and the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) used: u64,
    /// `maxmemory`, or the machine's memory if it is not set.
    pub(crate) limit: u64,
}

impl Info {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let info = Fields(text);
        let link = match info.text("role")? {
            "master" => None,
            "slave" | "replica" => Some(Link::read(&info)?),
            _ => return None,
        };
        let limits = [info.number("maxmemory"), info.number("total_system_memory")];
        let limit = limits.into_iter().flatten().find(|limit| *limit > 0);
        let memory = info
            .number("used_memory")
            .zip(limit)
            .map(|(used, limit)| Memory { used, limit });
        let most = info.number("maxclients").filter(|most| *most > 0.0);
        let clients = info.number("connected_clients").zip(most);
        let failed_saves = SAVES
            .iter()
            .filter(|(key, _)| info.text(key).is_some_and(|status| status != "ok"))
            .map(|(_, kind)| *kind)
            .collect();
        Some(Self {
            link,
            memory,
            clients,
            failed_saves,
        })
    }

    pub(crate) fn role(&self) -> Role {
        match self.link {
            None => Role::Master,
            Some(_) => Role::Replica,
        }
    }
}

impl Link {
    fn read(info: &Fields<'_>) -> Option<Self> {
        // -1 means never.
        let seconds = |key| {
            info.number::<i64>(key)
                .and_then(|seconds| u32::try_from(seconds).ok())
        };
        Some(match info.text("master_link_status")? {
            "up" => Self::Up(seconds("master_last_io_seconds_ago")?),
            _ if info.number("master_sync_in_progress") == Some(1) => Self::Syncing,
            _ => seconds("master_link_down_since_seconds").map_or(Self::Never, Self::Down),
        })
    }
}

/// Lines of key, colon and value.
struct Fields<'a>(&'a str);

impl Fields<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        let mut lines = self.0.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
    }

    fn number<T: FromStr>(&self, key: &str) -> Option<T> {
        self.text(key)?.parse().ok()
    }
}

/// The fields that report the result of the last save.
const SAVES: [(&str, &str); 3] = [
    ("rdb_last_bgsave_status", "RDB"),
    ("aof_last_bgrewrite_status", "AOF rewrite"),
    ("aof_last_write_status", "AOF"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "# Server\r\nredis_version:7.0.15\r\n\r\n# Clients\r\nconnected_clients:12\r\nmaxclients:100\r\n\
        # Memory\r\nused_memory:1048576\r\ntotal_system_memory:8388608\r\nmaxmemory:0\r\n\
        # Persistence\r\nrdb_last_bgsave_status:ok\r\naof_last_bgrewrite_status:ok\r\naof_last_write_status:ok\r\n\
        # Replication\r\nrole:master\r\nconnected_slaves:0\r\n";

    fn with(key: &str, value: &str) -> Info {
        let line = MASTER
            .lines()
            .find(|line| line.starts_with(&format!("{key}:")));
        Info::read(&MASTER.replace(line.unwrap(), &format!("{key}:{value}"))).unwrap()
    }

    fn link(lines: &str) -> Option<Link> {
        Info::read(&MASTER.replace("role:master", &format!("role:slave\r\n{lines}")))?.link
    }

    #[test]
    fn without_maxmemory_the_limit_is_the_machines_memory() {
        let info = Info::read(MASTER).unwrap();
        assert_eq!((info.role(), info.link), (Role::Master, None));
        let memory = |used, limit| Some(Memory { used, limit });
        assert_eq!(info.memory, memory(1 << 20, 8 << 20));
        assert_eq!(info.clients, Some((12.0, 100.0)));
        assert!(info.failed_saves.is_empty());
        assert_eq!(
            with("maxmemory", "2097152").memory,
            memory(1 << 20, 2 << 20)
        );
        assert_eq!(with("total_system_memory", "0").memory, None);
        assert_eq!(with("maxclients", "0").clients, None);
    }

    #[test]
    fn failed_saves_are_named() {
        let info = with("aof_last_write_status", "err");
        assert_eq!(info.failed_saves, ["AOF"]);
    }

    #[test]
    fn the_link_of_a_replica_is_parsed() {
        for (lines, expected) in [
            (
                "master_link_status:up\r\nmaster_last_io_seconds_ago:3",
                Link::Up(3),
            ),
            (
                "master_link_status:down\r\nmaster_sync_in_progress:1",
                Link::Syncing,
            ),
            (
                "master_link_status:down\r\nmaster_link_down_since_seconds:34",
                Link::Down(34),
            ),
            (
                "master_link_status:down\r\nmaster_link_down_since_seconds:-1",
                Link::Never,
            ),
        ] {
            assert_eq!(link(lines), Some(expected), "{lines}");
        }
        assert_eq!(link("master_link_status:up"), None);
    }

    #[test]
    fn unexpected_fields_are_no_info() {
        for text in ["", "role:sentinel\r\n", "used_memory:1\r\n"] {
            assert_eq!(Info::read(text), None, "{text}");
        }
    }
}
