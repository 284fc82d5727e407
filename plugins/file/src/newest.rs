//! Which file is looked at: the one that was written down, or the newest of a directory.

use std::path::{Path, PathBuf};

use vitals_sdk::files::{Metadata, Problem};
use vitals_sdk::prelude::*;

use crate::glob::Glob;

/// What a path leads to.
pub(crate) enum Found {
    File(File),
    /// Nothing, and how to say so.
    Nothing(String),
}

/// A file to judge.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// What a message calls it.
    pub(crate) name: String,
    pub(crate) metadata: Metadata,
}

/// Finds the file.
pub(crate) fn find(path: &Path, pattern: Option<&Glob>) -> Result<Found> {
    let metadata = match files::stat(path) {
        Ok(metadata) => metadata,
        Err(error) if error.is_not_found() => {
            return Ok(Found::Nothing(format!("there is no {}", path.display())));
        }
        Err(error) => return Err(error.into()),
    };
    if metadata.is_directory {
        let names = files::entries(path)?;
        return newest(path, pattern, &names, look);
    }
    if pattern.is_some() {
        return Err(Error::new(format_args!(
            "{} is a file: `pattern` is for the files of a directory",
            path.display()
        )));
    }
    Ok(Found::File(File {
        path: path.to_owned(),
        name: path.display().to_string(),
        metadata,
    }))
}

/// The newest file among these names; of two that are as new the one whose name is last.
fn newest(
    directory: &Path,
    pattern: Option<&Glob>,
    names: &[String],
    look: impl Fn(&Path) -> Result<Option<Metadata>>,
) -> Result<Found> {
    let directory_name = directory.display();
    if names.len() >= MOST {
        return Err(Error::new(format_args!(
            "cannot tell the newest of {directory_name}: there are {MOST} names in it or more"
        )));
    }
    let is_meant = |name: &str| match pattern {
        Some(pattern) => pattern.matches(name),
        None => !name.starts_with('.'),
    };
    let mut newest: Option<(&str, PathBuf, Metadata)> = None;
    for name in names.iter().filter(|name| is_meant(name)) {
        let path = directory.join(name);
        let Some(metadata) = look(&path)? else {
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
        (Some((name, path, metadata)), _) => Found::File(File {
            path,
            name: format!("newest of {directory_name} ({name})"),
            metadata,
        }),
        (None, None) => Found::Nothing(format!("there is no file in {directory_name}")),
        (None, Some(pattern)) => Found::Nothing(format!(
            "no file in {directory_name} matches `{}`",
            shortened(pattern.as_str(), SHOWN)
        )),
    })
}

/// What is known of a file in a directory; nothing of a directory, of what is no file, and of what has
/// gone since the names were read.
fn look(path: &Path) -> Result<Option<Metadata>> {
    match files::stat(path) {
        Ok(metadata) => Ok(Some(metadata).filter(|metadata| !metadata.is_directory)),
        Err(error) => match error.problem() {
            Problem::NotFound | Problem::Failed(_) => Ok(None),
            // A link that leads out of what is granted may be the newest.
            _ => Err(error.into()),
        },
    }
}

/// As many names as the host tells of a directory: of more, the newest may be missing.
const MOST: usize = 10_000;
/// How many characters of a setting are in a message.
const SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// The newest of a directory of files with these times; one of them is no file.
    fn newest_of(pattern: Option<&str>, entries: &[(&str, Option<i64>)]) -> Result<Found> {
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

    fn name(found: Result<Found>) -> String {
        match found.unwrap() {
            Found::File(file) => file.name,
            Found::Nothing(why) => why,
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
        assert_eq!(
            name(newest_of(None, &[])),
            "there is no file in /var/backups"
        );
    }

    #[test]
    fn where_not_all_names_are_told_the_newest_is_not_known() {
        let names: Vec<String> = (0..MOST).map(|number| number.to_string()).collect();
        let found = newest(Path::new("/a"), None, &names, |_| Ok(None));
        let error = found.err().expect("an error").to_string();
        assert_eq!(
            error,
            "cannot tell the newest of /a: there are 10000 names in it or more"
        );
    }
}
