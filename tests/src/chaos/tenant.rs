//! One plugin that the campaign changes: where its file lies, and what is in it now.

use std::fs;
use std::io;
use std::path::Path;

use fastrand::Rng;

use super::ground::{self, Ground};
use super::versions::{Broken, Version};

/// A plugin and its file.
#[derive(Clone, Debug)]
pub(super) struct Tenant {
    pub(super) name: String,
    pub(super) home: Home,
    /// Whether its file may be away for a while. Where it may not, its checks never fail.
    pub(super) may_leave: bool,
    /// What it served last, or serves.
    pub(super) version: Version,
    /// Whether that is what is in its file.
    pub(super) is_good: bool,
    /// Whether its file was written since all was quiet.
    pub(super) is_changed: bool,
}

/// Where the file of a plugin lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// In the plugins directory.
    Plain,
    /// Elsewhere; in the plugins directory is a link to it.
    Linked,
    /// In a directory with others, behind a link to a link that is moved for all of them at once.
    Mounted,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteMethod {
    Rename,
    Pieces,
    Copy,
    /// As vim does it: the file is away for a moment.
    Editor,
    /// As Emacs does it.
    Backup,
    /// The link is taken away, and then there is another.
    Relink,
}

impl WriteMethod {
    pub(super) const ALL: [Self; 6] = [
        Self::Rename,
        Self::Pieces,
        Self::Copy,
        Self::Editor,
        Self::Backup,
        Self::Relink,
    ];

    /// What a summary calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rename => "rename",
            Self::Pieces => "pieces",
            Self::Copy => "copy",
            Self::Editor => "vim",
            Self::Backup => "Emacs",
            Self::Relink => "relink",
        }
    }

    /// Whether a tenant's file can be written so.
    pub(super) fn suits(self, tenant: &Tenant) -> bool {
        match self {
            Self::Rename => tenant.home != Home::Mounted,
            Self::Pieces | Self::Copy | Self::Backup => tenant.home == Home::Plain,
            Self::Editor => tenant.home == Home::Plain && tenant.may_leave,
            Self::Relink => tenant.home == Home::Linked && tenant.may_leave,
        }
    }

    fn is_at_once(self) -> bool {
        self == Self::Rename
    }

    /// Whether the file is away for a moment.
    pub(super) fn leaves(self) -> bool {
        matches!(self, Self::Editor | Self::Relink)
    }
}

impl Tenant {
    /// A plugin whose file is not there yet.
    pub(super) fn new(name: String, home: Home, may_leave: bool, version: Version) -> Self {
        Self {
            name,
            home,
            may_leave,
            version,
            is_good: false,
            is_changed: true,
        }
    }

    /// Writes a version that there was not before.
    pub(super) async fn renew(
        &mut self,
        method: WriteMethod,
        ground: &Ground,
        rng: &mut Rng,
    ) -> io::Result<()> {
        let (version, bytes) = ground.foundry.next();
        self.put(version, &bytes, method, ground, rng).await
    }

    /// Writes a version.
    pub(super) async fn put(
        &mut self,
        version: Version,
        bytes: &[u8],
        method: WriteMethod,
        ground: &Ground,
        rng: &mut Rng,
    ) -> io::Result<()> {
        ground.model().may_serve(&self.name, version);
        self.version = version;
        self.write(bytes, method, ground, rng).await?;
        self.is_good = true;
        Ok(())
    }

    /// Writes what must not serve.
    pub(super) async fn spoil(
        &mut self,
        broken: Broken,
        method: WriteMethod,
        ground: &Ground,
        rng: &mut Rng,
    ) -> io::Result<()> {
        ground.model().may_be_refused(&self.name);
        let bytes = ground.foundry.broken(broken, rng);
        self.write(&bytes, method, ground, rng).await
    }

    /// Its file goes.
    pub(super) fn leave(&mut self, ground: &Ground) -> io::Result<()> {
        self.may_be_away(ground);
        fs::remove_file(ground.plugin(&self.name))
    }

    /// Its file may be away from now on.
    pub(super) fn may_be_away(&mut self, ground: &Ground) {
        ground.model().may_be_away(&self.name);
        self.is_good = false;
        self.is_changed = true;
    }

    async fn write(
        &mut self,
        bytes: &[u8],
        method: WriteMethod,
        ground: &Ground,
        rng: &mut Rng,
    ) -> io::Result<()> {
        if method.leaves() {
            ground.model().may_be_away(&self.name);
        } else if !method.is_at_once() {
            ground.model().may_be_refused(&self.name);
        }
        self.is_good = false;
        self.is_changed = true;
        let path = ground.plugin(&self.name);
        match method {
            WriteMethod::Rename if self.home == Home::Plain => ground::renamed(&path, bytes),
            WriteMethod::Rename | WriteMethod::Relink => {
                // One that is just read may lose its target.
                ground.model().may_be_refused(&self.name);
                let before = fs::read_link(&path).ok();
                let target = format!("{STORE}/{}-{}.wasm", self.name, rng.u64(..));
                fs::write(ground.beside(&target), bytes)?;
                if method == WriteMethod::Relink && path.is_symlink() {
                    fs::remove_file(&path)?;
                }
                ground::linked(&Path::new("..").join(target), &path)?;
                before.map_or(Ok(()), |before| {
                    fs::remove_file(ground.plugins().join(before))
                })
            }
            WriteMethod::Pieces => ground::in_pieces(&path, &ground::cut(bytes, rng), rng).await,
            WriteMethod::Copy => {
                let beside = ground.beside(&format!("{}.copy", self.name));
                ground::copied(&beside, &path, bytes)
            }
            // What is not there can't be edited.
            WriteMethod::Editor | WriteMethod::Backup if !path.exists() => {
                ground::renamed(&path, bytes)
            }
            WriteMethod::Editor => ground::edited(&path, &ground::cut(bytes, rng), rng).await,
            WriteMethod::Backup => ground::backed_up(&path, bytes, rng).await,
        }
    }
}

/// Where the files lie that links lead to.
pub(super) const STORE: &str = "store";
