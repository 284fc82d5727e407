//! Decisions on paths and on facts about the machine.
//!
//! Paths are compared by components and not as text: `/var/backups` covers `/var/backups/today` but
//! not `/var/backups2`. Nothing here accesses a file; the caller resolves paths.

use std::path::{Path, PathBuf};

use super::{Denial, GrantKind, Grants, Target};

impl Grants {
    /// Decides whether a guest may ask for a file: whether the path as written is granted or below
    /// a granted one. Other paths are not even resolved. This is half of the decision:
    /// [`Grants::permit_resolved_path`] decides on the resolved path.
    pub(crate) fn permit_file(&self, path: &Path) -> Result<(), Denial> {
        let is_granted = self.files().any(|granted| path.starts_with(granted));
        let denial = || Denial::new(GrantKind::File, &path.to_string_lossy());
        is_granted.then_some(()).ok_or_else(denial)
    }

    /// Decides on the path that `asked`, already permitted, leads to when every symlink is
    /// followed. `resolve` does the same for granted paths, and returns `None` for a path that does
    /// not count.
    pub(crate) fn permit_resolved_path(
        &self,
        asked: &Path,
        resolved: &Path,
        resolve: impl FnMut(&Path) -> Option<PathBuf>,
    ) -> Result<(), Denial> {
        // Grants above the path first, so that others, which may be on a file system that hangs,
        // are rarely resolved.
        let (direct, others) = self
            .files()
            .partition::<Vec<_>, _>(|granted| asked.starts_with(granted));
        let mut granted = direct.into_iter().chain(others).filter_map(resolve);
        let is_granted = granted.any(|root| resolved.starts_with(root));
        let denial = || Denial::of_resolved_path(asked, resolved);
        is_granted.then_some(()).ok_or_else(denial)
    }

    /// Decides whether a guest may see a fact about the machine. A grant for the usage of a file
    /// system covers one path only, because paths below it may be on other file systems.
    pub(crate) fn permit_fact(&self, target: &Target) -> Result<(), Denial> {
        let is_granted = self.grants.iter().any(|grant| grant.target == *target);
        let denial = || Denial::new(target.kind(), &target.to_string());
        is_granted.then_some(()).ok_or_else(denial)
    }

    fn files(&self) -> impl Iterator<Item = &Path> {
        self.grants.iter().filter_map(|grant| match &grant.target {
            Target::File(path) => Some(path.as_path()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Grant;
    use super::*;
    use vitals_model::Secrets;

    fn grants(entries: &[(&str, &str)]) -> Grants {
        let read = |(key, entry): &(&str, &str)| Grant::allowed(key, entry).unwrap();
        Grants::new(entries.iter().map(read), |_| None)
    }

    fn shown(decision: Result<(), Denial>) -> String {
        match decision {
            Ok(()) => "granted".to_owned(),
            Err(denial) => {
                let shown = denial.shown(&"c".parse().unwrap(), &Secrets::default());
                shown.message.into()
            }
        }
    }

    #[test]
    fn a_path_grants_itself_and_what_is_below_by_components() {
        let grants = grants(&[("files", "/var/backups"), ("system", "disk:/srv")]);
        for (path, granted) in [
            ("/var/backups", true),
            ("/var/backups/a/b", true),
            ("/var/backups2", false),
            ("/var/backup", false),
            ("/var", false),
            ("/", false),
            ("/srv", false),
        ] {
            assert_eq!(
                grants.permit_file(Path::new(path)).is_ok(),
                granted,
                "{path}"
            );
        }
        assert_eq!(
            shown(grants.permit_file(Path::new("/srv"))),
            "denied: file /srv (add it to `allow.files` of check `c`)"
        );
    }

    #[test]
    fn the_root_grants_every_path() {
        let grants = grants(&[("files", "/")]);
        for path in ["/", "/a", "/a/b"] {
            assert!(grants.permit_file(Path::new(path)).is_ok(), "{path}");
        }
    }

    #[test]
    fn where_a_path_leads_is_decided_on_by_where_the_grants_lead() {
        let grants = grants(&[("files", "/mnt/config"), ("files", "/data")]);
        let asked = Path::new("/mnt/config/app.toml");
        // As Kubernetes mounts: the granted path itself is a symlink.
        let resolve = |path: &Path| match path.to_str() {
            Some("/mnt/config") => Some(PathBuf::from("/volumes/1")),
            _ => Some(path.to_owned()),
        };
        for (resolved, granted) in [
            ("/volumes/1/app.toml", true),
            ("/data/app.toml", true),
            ("/volumes/10/app.toml", false),
            ("/mnt/config/app.toml", false),
            ("/etc/shadow", false),
        ] {
            let decision = grants.permit_resolved_path(asked, Path::new(resolved), resolve);
            assert_eq!(decision.is_ok(), granted, "{resolved}");
        }
        assert_eq!(
            shown(grants.permit_resolved_path(asked, Path::new("/etc/shadow"), resolve)),
            "denied: file /etc/shadow, where /mnt/config/app.toml leads (add it to `allow.files` of \
             check `c`)"
        );
        let nowhere = |_: &Path| None;
        assert!(
            grants
                .permit_resolved_path(asked, Path::new("/data/x"), nowhere)
                .is_err()
        );
    }

    #[test]
    fn each_fact_needs_its_own_grant() {
        let grants = grants(&[("system", "disk:/"), ("system", "memory")]);
        let disk = |path: &str| Target::Disk(path.into());
        assert_eq!(shown(grants.permit_fact(&disk("/"))), "granted");
        assert_eq!(shown(grants.permit_fact(&Target::Memory)), "granted");
        assert_eq!(
            shown(grants.permit_fact(&disk("/home"))),
            "denied: system disk:/home (add it to `allow.system` of check `c`)"
        );
        assert_eq!(
            shown(grants.permit_fact(&Target::Load)),
            "denied: system load (add it to `allow.system` of check `c`)"
        );
        assert!(grants.permit_file(Path::new("/")).is_err());
    }
}
