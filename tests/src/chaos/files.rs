//! Random operations on plugin files and on the plugins directory.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Part;
use super::model::unnamed;
use super::plugin_file::{Content, Layout, PluginFile};
use super::state::CampaignState;
use super::versions::{Broken, Version};
use super::worker::{Worker, WriteMethod, link, set_mode};
use crate::place::write_atomically;

/// A worker with plugins of its own.
pub(super) struct Files {
    pub(super) worker: Worker,
    pub(super) plugins: Vec<PluginFile>,
    broken: Vec<Broken>,
    mounts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Replace,
    Corrupt,
    Touch,
    Permissions,
    Remove,
    Move,
    HundredTimes,
    Twins,
    Mount,
    Burst,
    Litter,
    MoveDirectory,
    ReplaceDirectory,
    CloseDirectory,
}

/// How often each kind is chosen, relative to the others.
const KINDS: [(Kind, usize); 14] = [
    (Kind::Replace, 34),
    (Kind::Corrupt, 16),
    (Kind::Touch, 8),
    (Kind::Permissions, 5),
    (Kind::Remove, 6),
    (Kind::Move, 5),
    (Kind::HundredTimes, 1),
    (Kind::Twins, 5),
    (Kind::Mount, 8),
    (Kind::Burst, 1),
    (Kind::Litter, 5),
    (Kind::MoveDirectory, 2),
    (Kind::ReplaceDirectory, 2),
    (Kind::CloseDirectory, 2),
];

impl Files {
    pub(super) fn new(state: &Arc<CampaignState>, plugins: Vec<PluginFile>) -> Self {
        let mut broken = Broken::ALL.to_vec();
        broken.retain(|it| *it != Broken::TrapsInCheck || !state.leaves_out(Part::Trials));
        Self {
            worker: Worker::new(state),
            plugins,
            broken,
            mounts: 0,
        }
    }

    /// Makes one random change.
    pub(super) async fn operate(&mut self) -> io::Result<()> {
        let kind = self.worker.choose_weighted(&KINDS);
        let state = Arc::clone(&self.worker.state);
        match kind {
            Kind::MoveDirectory | Kind::ReplaceDirectory | Kind::CloseDirectory => {
                let _alone = state.directory.write().await;
                self.change_directory(kind).await?;
            }
            _ => {
                let _shared = state.directory.read().await;
                match kind {
                    Kind::Twins => self.twins().await?,
                    Kind::Mount => self.remount()?,
                    Kind::Burst => self.burst().await?,
                    Kind::Litter => self.litter().await?,
                    _ => self.change_plugin(kind).await?,
                }
            }
        }
        self.worker.pause(LONGEST_PAUSE).await;
        Ok(())
    }

    /// Makes sure that the file of each plugin exists and is good.
    pub(super) async fn repair(&mut self) -> io::Result<()> {
        let mut broken = self.plugins.iter().filter(|it| !it.is_good);
        if broken.any(|it| it.layout == Layout::Mounted) {
            self.mount(None)?;
        }
        for plugin in self.plugins.iter_mut().filter(|it| !it.is_good) {
            let method = WriteMethod::Rename;
            plugin.write(Content::New, method, &mut self.worker).await?;
        }
        Ok(())
    }

    /// Changes the file of one plugin.
    async fn change_plugin(&mut self, kind: Kind) -> io::Result<()> {
        let worker = &mut self.worker;
        let state = Arc::clone(&worker.state);
        let method = worker.choose(&WriteMethod::ALL);
        let broken = worker.choose(&self.broken);
        let suits = |it: &&mut PluginFile| match kind {
            Kind::Corrupt if broken == Broken::TrapsInCheck => {
                it.suits(method) && !method.removes() && is_loaded(&state, &it.name)
            }
            Kind::Replace | Kind::Corrupt => it.suits(method),
            Kind::Permissions => it.layout == Layout::Plain,
            Kind::Remove => it.is_removable,
            Kind::Move => it.is_removable && it.is_good,
            Kind::HundredTimes => it.layout != Layout::Mounted,
            _ => true,
        };
        let suitable: Vec<_> = self.plugins.iter_mut().filter(suits).collect();
        let Some(plugin) = worker.rng.choice(suitable) else {
            return Ok(());
        };
        let path = state.plugin(&plugin.name);
        let is_absent = !path.exists() && !path.is_symlink();
        match kind {
            Kind::Replace => {
                state.log.operation(method, &plugin.name);
                plugin.write(Content::New, method, worker).await
            }
            Kind::Corrupt => {
                let on = format!("{} by {method:?}", plugin.name);
                state.log.operation(broken, &on);
                let was_good = plugin.is_good;
                let content = Content::Broken(broken);
                plugin.write(content, method, worker).await?;
                if was_good && worker.rng.bool() {
                    worker.pause(Duration::from_millis(800)).await;
                    // The version that served before is back.
                    let content = Content::Version(plugin.version);
                    plugin.write(content, WriteMethod::Rename, worker).await?;
                }
                Ok(())
            }
            Kind::Permissions if !is_absent => {
                state.log.operation(kind, &plugin.name);
                state.model.lock().may_be_rejected(&plugin.name);
                set_mode(&path, 0o000)?;
                worker.pause(Duration::from_secs(1)).await;
                set_mode(&path, 0o644)
            }
            Kind::Remove => {
                if !is_absent {
                    state.log.operation(kind, &plugin.name);
                    plugin.may_be_absent(&state);
                    fs::remove_file(&path)?;
                    if worker.rng.bool() {
                        return Ok(());
                    }
                    worker.pause(LONGEST_ABSENCE).await;
                }
                state.log.operation(format_args!("Add"), &plugin.name);
                let method = WriteMethod::Rename;
                plugin.write(Content::New, method, worker).await
            }
            // Meanwhile it is another plugin.
            Kind::Move => {
                state.log.operation(kind, &plugin.name);
                let other = format!("{}-moved", plugin.name);
                plugin.may_be_absent(&state);
                extra_may_appear(&state, &other, plugin.version);
                fs::rename(&path, state.plugin(&other))?;
                worker.pause(LONGEST_ABSENCE).await;
                fs::rename(state.plugin(&other), &path)?;
                plugin.is_good = true;
                Ok(())
            }
            Kind::HundredTimes => {
                state.log.operation(kind, &plugin.name);
                for _ in 0..100 {
                    let method = WriteMethod::Rename;
                    plugin.write(Content::New, method, worker).await?;
                    tokio::time::sleep(Duration::from_millis(9)).await;
                }
                Ok(())
            }
            Kind::Touch if path.exists() => {
                state.log.operation(kind, &plugin.name);
                let age = worker.rng.u64(0..100_000) * u64::from(worker.rng.bool());
                let modified = SystemTime::now() - Duration::from_secs(age);
                File::open(path)?.set_modified(modified)
            }
            _ => Ok(()),
        }
    }

    /// Two plugins get the same bytes.
    async fn twins(&mut self) -> io::Result<()> {
        let worker = &mut self.worker;
        let suitable = self.plugins.iter_mut();
        let suitable = suitable.filter(|it| it.layout != Layout::Mounted);
        let twins = worker.rng.choose_multiple(suitable, 2);
        let names: Vec<_> = twins.iter().map(|it| it.name.as_str()).collect();
        let log = &worker.state.log;
        log.operation(Kind::Twins, &names.join(", "));
        let content = Content::Version(worker.state.versions.next());
        for plugin in twins {
            let method = WriteMethod::Rename;
            plugin.write(content, method, worker).await?;
            worker.pause(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Hundreds of plugins appear at once, and vanish.
    async fn burst(&mut self) -> io::Result<()> {
        let worker = &mut self.worker;
        let state = Arc::clone(&worker.state);
        let count = worker.rng.usize(100..=300);
        state.log.operation(Kind::Burst, &format!("{count} files"));
        let burst = worker.rng.u32(..);
        let names: Vec<_> = (0..count)
            .map(|at| format!("burst-{burst:x}-{at}"))
            .collect();
        let versions = [(); 4].map(|()| state.versions.next());
        for (name, version) in names.iter().zip(versions.into_iter().cycle()) {
            extra_may_appear(&state, name, version);
            write_atomically(&state.plugin(name), state.versions.bytes(version))?;
            // The others work between two files.
            tokio::task::yield_now().await;
        }
        worker.pause(Duration::from_secs(4)).await;
        let mut paths = names.iter().map(|name| state.plugin(name));
        paths.try_for_each(fs::remove_file)
    }

    /// Writes files that are no plugins by their names.
    async fn litter(&mut self) -> io::Result<()> {
        let worker = &mut self.worker;
        worker.state.log.operation(Kind::Litter, "");
        let names = [
            "README.md",
            ".hidden.wasm",
            "half.wasm.part",
            "old.wasm~",
            "core",
        ];
        let (name, number) = (worker.choose(&names), worker.rng.u64(..));
        let names = [format!("{name}.{number}"), format!(".{number}.wasm")];
        let paths = names.map(|name| worker.state.plugins().join(name));
        let bytes = worker.state.versions.bytes(worker.state.versions.next());
        for path in &paths {
            worker.write_pieces(path, &[&bytes]).await?;
        }
        paths.iter().try_for_each(fs::remove_file)
    }

    /// Changes all mounted plugins at once. One of them may be broken.
    fn remount(&mut self) -> io::Result<()> {
        let worker = &mut self.worker;
        let mounted = self
            .plugins
            .iter()
            .filter(|it| it.layout == Layout::Mounted);
        let names: Vec<_> = mounted.map(|it| it.name.clone()).collect();
        let Some(name) = worker.rng.choice(names) else {
            return Ok(());
        };
        let broken = worker.choose(&self.broken);
        let can_break = broken != Broken::TrapsInCheck || is_loaded(&worker.state, &name);
        let corrupted = (can_break && worker.rng.u8(0..4) == 0).then_some((name, broken));
        let on = corrupted
            .as_ref()
            .map(|(name, broken)| format!("{broken:?} for {name}"));
        worker
            .state
            .log
            .operation(Kind::Mount, &on.unwrap_or_default());
        self.mount(corrupted.as_ref())
    }

    /// Writes all mounted plugins.
    fn mount(&mut self, corrupted: Option<&(String, Broken)>) -> io::Result<()> {
        let state = Arc::clone(&self.worker.state);
        let directory = state.plugins();
        self.mounts += 1;
        let mount = format!("..mount-{}", self.mounts);
        fs::create_dir(directory.join(&mount))?;
        let plugins = self.plugins.iter_mut();
        for plugin in plugins.filter(|it| it.layout == Layout::Mounted) {
            let broken = corrupted.filter(|(name, _)| *name == plugin.name);
            let content = broken.map_or(Content::New, |(_, broken)| Content::Broken(*broken));
            let bytes = plugin.prepare(content, &mut self.worker);
            // The host may lose the directory while it reads.
            state.model.lock().may_be_rejected(&plugin.name);
            let file = format!("{}.wasm", plugin.name);
            fs::write(directory.join(&mount).join(&file), bytes)?;
            let path = state.plugin(&plugin.name);
            if !path.is_symlink() {
                link(Path::new("..data").join(file), &path)?;
            }
        }
        let data = directory.join("..data");
        let previous = fs::read_link(&data).ok();
        link(mount, &data)?;
        previous.map_or(Ok(()), |it| fs::remove_dir_all(directory.join(it)))
    }

    async fn change_directory(&mut self, kind: Kind) -> io::Result<()> {
        let worker = &mut self.worker;
        worker.state.log.operation(kind, "");
        worker.state.model.lock().directory_may_be_absent();
        let plugins = worker.state.plugins();
        let [moved, copy] = ["plugins.moved", "plugins.copy"].map(|name| worker.state.path(name));
        match kind {
            Kind::MoveDirectory => {
                fs::rename(&plugins, &moved)?;
                worker.pause(LONGEST_ABSENCE).await;
                fs::rename(moved, plugins)
            }
            Kind::ReplaceDirectory => {
                let copied = Command::new("cp")
                    .arg("-r")
                    .args([&plugins, &copy])
                    .status()?;
                assert!(copied.success(), "cp copies a directory");
                fs::rename(&plugins, &moved)?;
                fs::rename(copy, plugins)?;
                fs::remove_dir_all(moved)
            }
            _ => {
                set_mode(&plugins, 0o000)?;
                worker.pause(LONGEST_ABSENCE).await;
                set_mode(&plugins, 0o755)
            }
        }
    }
}

/// Whether a version surely serves. Without one there is no trial run, and a version is promoted that
/// only its run shows to be broken.
fn is_loaded(state: &CampaignState, plugin: &str) -> bool {
    !state.model.lock().plugins[plugin].may_be_absent
}

/// A plugin may appear that the configuration does not name.
fn extra_may_appear(state: &CampaignState, name: &str, version: Version) {
    let mut model = state.model.lock();
    model.may_serve(name, version);
    model.check_may_appear(&unnamed(name), name, false);
    model.plugin_may_be_absent(name);
}

/// From one operation to the next.
const LONGEST_PAUSE: Duration = Duration::from_millis(120);
const LONGEST_ABSENCE: Duration = Duration::from_millis(1500);
