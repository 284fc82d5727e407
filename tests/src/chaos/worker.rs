//! A worker: its random choices, and the methods by which people and programs write files.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::iter;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::state::CampaignState;
use crate::place::write_atomically;

/// Changes files at random. The seed determines its choices.
pub(super) struct Worker {
    pub(super) state: Arc<CampaignState>,
    pub(super) rng: Rng,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteMethod {
    Rename,
    Pieces,
    Copy,
    /// The file is absent for a moment.
    Vim,
    Emacs,
    /// The link to the file is removed, and another one made.
    Relink,
}

impl WriteMethod {
    pub(super) const ALL: [Self; 6] = [
        Self::Rename,
        Self::Pieces,
        Self::Copy,
        Self::Vim,
        Self::Emacs,
        Self::Relink,
    ];

    /// Whether the file is absent for a moment.
    pub(super) fn removes(self) -> bool {
        matches!(self, Self::Vim | Self::Relink)
    }
}

impl Worker {
    pub(super) fn new(state: &Arc<CampaignState>) -> Self {
        Self {
            state: Arc::clone(state),
            rng: Rng::with_seed(0),
        }
    }

    pub(super) fn choose<T: Clone>(&mut self, from: &[T]) -> T {
        let chosen = self.rng.choice(from);
        chosen.expect("there is a choice").clone()
    }

    /// Chooses one of several kinds by their weights.
    pub(super) fn choose_weighted<T: Copy>(&mut self, kinds: &[(T, usize)]) -> T {
        let kinds = kinds.iter();
        let all = kinds.flat_map(|(kind, weight)| iter::repeat_n(*kind, *weight));
        self.choose(&all.collect::<Vec<_>>())
    }

    /// Cuts bytes into a few pieces.
    pub(super) fn cut<'b>(&mut self, bytes: &'b [u8]) -> Vec<&'b [u8]> {
        let pieces = self.rng.usize(2..=8);
        bytes.chunks(bytes.len() / pieces + 1).collect()
    }

    /// Waits for a random time, in a third of all cases not at all.
    pub(super) async fn pause(&mut self, longest: Duration) {
        if self.rng.u8(0..3) > 0 {
            tokio::time::sleep(longest.mul_f64(self.rng.f64())).await;
        }
    }

    /// Writes a file, or writes over it.
    pub(super) async fn write(
        &mut self,
        method: WriteMethod,
        path: &Path,
        pieces: &[&[u8]],
    ) -> io::Result<()> {
        let bytes = pieces.concat();
        let name = path.file_name().unwrap_or_default().display().to_string();
        let backup = path.with_file_name(format!("{name}~"));
        match method {
            WriteMethod::Rename | WriteMethod::Relink => write_atomically(path, bytes),
            WriteMethod::Pieces => self.write_pieces(path, pieces).await,
            WriteMethod::Copy => {
                let original = self.state.path(&format!("{name}.copy"));
                fs::write(&original, bytes)?;
                fs::copy(&original, path)?;
                fs::remove_file(original)
            }
            // An editor needs a file.
            WriteMethod::Vim | WriteMethod::Emacs if !path.exists() => {
                write_atomically(path, bytes)
            }
            WriteMethod::Vim => {
                let swap = path.with_file_name(format!(".{name}.swp"));
                // Vim tests whether it may make files here.
                let test = path.with_file_name("4913");
                fs::write(&swap, "b0VIM 9.1")?;
                fs::write(&test, "")?;
                fs::remove_file(test)?;
                fs::rename(path, &backup)?;
                self.write_pieces(path, pieces).await?;
                fs::remove_file(backup)?;
                fs::remove_file(swap)
            }
            WriteMethod::Emacs => {
                let lock = path.with_file_name(format!(".#{name}"));
                let auto_save = path.with_file_name(format!("#{name}#"));
                symlink("somebody@somewhere.1234", &lock)?;
                fs::write(&auto_save, &bytes)?;
                fs::copy(path, &backup)?;
                self.write_pieces(path, &[&bytes]).await?;
                fs::remove_file(auto_save)?;
                fs::remove_file(backup)?;
                fs::remove_file(lock)
            }
        }
    }

    pub(super) async fn write_pieces(&mut self, path: &Path, pieces: &[&[u8]]) -> io::Result<()> {
        let mut file = File::create(path)?;
        for piece in pieces {
            file.write_all(piece)?;
            self.pause(LONGEST_BETWEEN_PIECES).await;
        }
        Ok(())
    }
}

/// Puts a link in the place of whatever is there.
pub(super) fn link(target: impl AsRef<Path>, path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().display();
    let unfinished = path.with_file_name(format!("{name}_tmp"));
    symlink(target, &unfinished)?;
    fs::rename(unfinished, path)
}

pub(super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

const LONGEST_BETWEEN_PIECES: Duration = Duration::from_millis(30);
