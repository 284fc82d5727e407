//! Finds the file to check: the configured one, or the newest in a directory.

use std::path::{Path, PathBuf};

use vitals_sdk::files::{Metadata, Problem};
use vitals_sdk::prelude::*;

use crate::glob::Glob;

/// What a path leads to.
pub(crate) enum Target {
    File(File),
    /// Nothing, with the text for the message.
    Nothing(String),
}

/// A file to judge.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// Its name in messages.
    pub(crate) name: String,
    pub(crate) metadata: Metadata,
}

/// Finds the file.
pub(crate) fn find(path: &Path, pattern: Option<&Glob>) -> Result<Target> {
    let metadata = match files::stat(path) {
        Ok(metadata) => metadata,
        Err(error) if error.is_not_found() => {
            return Ok(Target::Nothing(format!(
                "{} does not exist",
                path.display()
            )));
        }
        Err(error) => return Err(error.into()),
    };
    if metadata.is_directory {
        let names = files::entries(path)?;
        return newest(path, pattern, &names, stat_file);
    }
    if pattern.is_some() {
        return Err(Error::new(format_args!(
            "{} is a file: `pattern` applies only to directories",
            path.display()
        )));
    }
    Ok(Target::File(File {
        path: path.to_owned(),
        name: path.display().to_string(),
        metadata,
    }))
}

/// Returns the newest file among these names; of equally new files, the last name.
fn newest(
    directory: &Path,
    pattern: Option<&Glob>,
    names: &[String],
    stat_file: impl Fn(&Path) -> Result<Option<Metadata>>,
) -> Result<Target> {
    let directory_name = directory.display();
    if names.len() >= MAX_NAMES {
        return Err(Error::new(format_args!(
            "cannot determine the newest file in {directory_name}: it contains {MAX_NAMES} names or more"
        )));
    }
    let is_candidate = |name: &str| match pattern {
        Some(pattern) => pattern.matches(name),
        None => !name.starts_with('.'),
    };
    let mut newest: Option<(&str, PathBuf, Metadata)> = None;
    for name in names.iter().filter(|name| is_candidate(name)) {
        let path = directory.join(name);
        let Some(metadata) = stat_file(&path)? else {
            continue;
        };
        if newest
            .as_ref()
            .is_none_or(|(_, _, before)| metadata.modified >= before.modified)
        {
            newest = Some((name, path, metadata));
        }
    }
    Ok(match (newest, pattern) {
        (Some((name, path, metadata)), _) => Target::File(File {
            path,
            name: format!("newest of {directory_name} ({name})"),
            metadata,
        }),
        (None, None) => Target::Nothing(format!("{directory_name} contains no files")),
        (None, Some(pattern)) => Target::Nothing(format!(
            "no file in {directory_name} matches `{}`",
            shortened(pattern.as_str(), CHARS_SHOWN)
        )),
    })
}

/// Returns the metadata of a file in a directory, or `None` for a directory, for anything that is
/// not a file, and for a file that has been removed since the directory was read.
fn stat_file(path: &Path) -> Result<Option<Metadata>> {
    match files::stat(path) {
        Ok(metadata) => Ok(Some(metadata).filter(|metadata| !metadata.is_directory)),
        Err(error) => match error.problem() {
            Problem::NotFound | Problem::Failed(_) => Ok(None),
            // A symlink out of the granted directory may be the newest.
            _ => Err(error.into()),
        },
    }
}

/// The host's limit on names in a directory. Beyond it, the newest file may be missing.
const MAX_NAMES: usize = 10_000;
/// The number of characters of a setting in a message.
const CHARS_SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds the newest in a directory of files with these times; one of them is not a file.
    fn newest_of(pattern: Option<&str>, entries: &[(&str, Option<i64>)]) -> Result<Target> {
        let names: Vec<String> = entries.iter().map(|(name, _)| (*name).to_owned()).collect();
        let pattern = pattern.map(|text| Glob::read(text.into()).unwrap());
        newest(
            Path::new("/var/backups"),
            pattern.as_ref(),
            &names,
            |path| {
                let entry = entries.iter().find(|(name, _)| path.ends_with(name));
                Ok(entry
                    .and_then(|(_, modified)| *modified)
                    .map(|modified| Metadata {
                        is_directory: false,
                        size_bytes: 1,
                        modified,
                    }))
            },
        )
    }

    fn name(found: Result<Target>) -> String {
        match found.unwrap() {
            Target::File(file) => file.name,
            Target::Nothing(why) => why,
        }
    }

    #[test]
    fn the_newest_file_that_matches_is_found() {
        let entries = [
            (".part", Some(9)),
            ("a.gz", Some(3)),
            ("b.gz", Some(5)),
            ("c.gz", Some(5)),
            ("d.gz", None),
            ("e.txt", Some(8)),
        ];
        for (pattern, found) in [
            (None, "newest of /var/backups (e.txt)"),
            (Some("*.gz"), "newest of /var/backups (c.gz)"),
            (Some("a*"), "newest of /var/backups (a.gz)"),
            (Some("*.sql"), "no file in /var/backups matches `*.sql`"),
            (Some("d*"), "no file in /var/backups matches `d*`"),
        ] {
            assert_eq!(name(newest_of(pattern, &entries)), found);
        }
        assert_eq!(name(newest_of(None, &[])), "/var/backups contains no files");
    }

    #[test]
    fn a_truncated_directory_listing_is_an_error() {
        let names: Vec<String> = (0..MAX_NAMES).map(|number| number.to_string()).collect();
        let found = newest(Path::new("/a"), None, &names, |_| Ok(None));
        let error = found.err().expect("an error").to_string();
        assert_eq!(
            error,
            "cannot determine the newest file in /a: it contains 10000 names or more"
        );
    }
}
