//! The disk that the campaign works on, and the ways in which people and programs write files there.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::RwLock;

use super::campaign_log::CampaignLog;
use super::model::Model;
use super::pulse::Pulse;
use super::versions::Foundry;

/// What all that take part in a campaign share.
pub(super) struct Ground {
    root: PathBuf,
    pub(super) foundry: Foundry,
    pub(super) log: CampaignLog,
    pub(super) pulse: Pulse,
    /// Whoever needs the plugins directory to be there reads; who moves it away writes.
    pub(super) directory: RwLock<()>,
    model: Mutex<Model>,
}

impl Ground {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            foundry: Foundry::new(),
            log: CampaignLog::new(),
            pulse: Pulse::start(),
            directory: RwLock::default(),
            model: Mutex::default(),
        }
    }

    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// Where a plugin lies in the plugins directory.
    pub(super) fn plugin(&self, name: &str) -> PathBuf {
        self.plugins().join(format!("{name}.wasm"))
    }

    /// Beside the plugins directory: nothing of what is done here is seen by the host.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

/// Writes a file and puts it in the place of another: nobody sees half of it.
pub(super) fn renamed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, bytes)?;
    fs::rename(&unfinished, path)
}

/// Writes over a file piece by piece.
pub(super) async fn in_pieces(path: &Path, pieces: &[&[u8]], rng: &mut Rng) -> io::Result<()> {
    let mut file = File::create(path)?;
    for piece in pieces {
        file.write_all(piece)?;
        pause(rng, MOST_BETWEEN_PIECES).await;
    }
    Ok(())
}

/// Cuts bytes into a few pieces.
pub(super) fn cut<'a>(bytes: &'a [u8], rng: &mut Rng) -> Vec<&'a [u8]> {
    let pieces = rng.usize(2..=8);
    bytes.chunks(bytes.len() / pieces + 1).collect()
}

/// `cp` over a file.
pub(super) fn copied(from: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(from, bytes)?;
    fs::copy(from, path)?;
    fs::remove_file(from)
}

/// As vim writes: a file to see whether it may, a swap file, the old file renamed, a new one in its place.
pub(super) async fn edited(path: &Path, pieces: &[&[u8]], rng: &mut Rng) -> io::Result<()> {
    let name = name_of(path);
    let trial = path.with_file_name("4913");
    let swap = path.with_file_name(format!(".{name}.swp"));
    let backup = path.with_file_name(format!("{name}~"));
    fs::write(&swap, b"b0VIM 9.1")?;
    File::create(&trial)?;
    fs::remove_file(&trial)?;
    fs::rename(path, &backup)?;
    in_pieces(path, pieces, rng).await?;
    fs::remove_file(&backup)?;
    fs::remove_file(&swap)
}

/// As Emacs writes: a link as a lock, a copy of its own, the old file copied, and written over.
pub(super) async fn backed_up(path: &Path, bytes: &[u8], rng: &mut Rng) -> io::Result<()> {
    let name = name_of(path);
    let lock = path.with_file_name(format!(".#{name}"));
    let own = path.with_file_name(format!("#{name}#"));
    let backup = path.with_file_name(format!("{name}~"));
    symlink("somebody@somewhere.1234", &lock)?;
    fs::write(&own, bytes)?;
    fs::copy(path, &backup)?;
    in_pieces(path, &[bytes], rng).await?;
    for file in [own, backup, lock] {
        fs::remove_file(file)?;
    }
    Ok(())
}

/// Puts a link in the place of whatever is there.
pub(super) fn linked(target: &Path, path: &Path) -> io::Result<()> {
    let unfinished = path.with_file_name(format!("{}_tmp", name_of(path)));
    symlink(target, &unfinished)?;
    fs::rename(&unfinished, path)
}

/// A copy of a directory, links as links.
pub(super) fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, target)?;
        } else if kind.is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

pub(super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Goes on at once, or after a moment.
pub(super) async fn pause(rng: &mut Rng, most: Duration) {
    if rng.u8(0..3) > 0 {
        tokio::time::sleep(most.mul_f64(rng.f64())).await;
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

const MOST_BETWEEN_PIECES: Duration = Duration::from_millis(30);
