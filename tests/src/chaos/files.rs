//! Everything that may be done to the files of plugins, at random.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;

use super::Part;
use super::ground::{self, Ground, pause};
use super::model::by_itself;
use super::tenant::{Home, Tenant, WriteMethod};
use super::versions::Broken;

/// Works on its own plugins, beside others who work on theirs.
pub(super) struct Files<'a> {
    ground: &'a Ground,
    rng: Rng,
    pub(super) tenants: Vec<Tenant>,
    kinds: Vec<Kind>,
    broken: Vec<Broken>,
    /// Plugins that came besides, and go before all is quiet.
    guests: BTreeSet<String>,
    mounts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Replace,
    Mount,
    Spoil,
    Touch,
    Permissions,
    Leave,
    Move,
    Twins,
    HundredTimes,
    Burst,
    Litter,
    DirectoryGoes,
    DirectoryAnew,
    DirectoryClosed,
}

/// How often each kind is done in a hundred times.
const KINDS: [(Kind, usize); 14] = [
    (Kind::Replace, 34),
    (Kind::Mount, 8),
    (Kind::Spoil, 16),
    (Kind::Touch, 8),
    (Kind::Permissions, 5),
    (Kind::Leave, 6),
    (Kind::Move, 5),
    (Kind::Twins, 5),
    (Kind::HundredTimes, 1),
    (Kind::Burst, 1),
    (Kind::Litter, 5),
    (Kind::DirectoryGoes, 2),
    (Kind::DirectoryAnew, 2),
    (Kind::DirectoryClosed, 2),
];

impl<'a> Files<'a> {
    pub(super) fn new(ground: &'a Ground, tenants: Vec<Tenant>, without: &[Part]) -> Self {
        let kinds = KINDS.iter();
        let kinds = kinds.flat_map(|(kind, weight)| std::iter::repeat_n(*kind, *weight));
        let mut broken = Broken::ALL.to_vec();
        if without.contains(&Part::Trials) {
            broken.retain(|broken| *broken != Broken::Trapping);
        }
        Self {
            ground,
            rng: Rng::with_seed(0),
            tenants,
            kinds: kinds.collect(),
            broken,
            guests: BTreeSet::new(),
            mounts: 0,
        }
    }

    /// Puts every plugin where it belongs for the first time.
    pub(super) async fn settle_in(&mut self) -> io::Result<()> {
        self.mount(None)?;
        self.mend().await
    }

    /// Does one thing after the other for so long; which, the seed determines.
    pub(super) async fn work(&mut self, seed: u64, until: Instant) {
        self.rng.seed(seed);
        while Instant::now() < until {
            let kind = self.rng.choice(&self.kinds).copied();
            let kind = kind.expect("there are kinds");
            if let Err(error) = self.operate(kind).await {
                let fault = format!("the campaign itself: {kind:?}: {error}");
                self.ground.log.fault(&fault);
                return;
            }
            pause(&mut self.rng, MOST_BETWEEN).await;
        }
    }

    /// Makes everything right again: each plugin's file is there and good, and no other.
    pub(super) async fn mend(&mut self) -> io::Result<()> {
        for guest in std::mem::take(&mut self.guests) {
            self.ground.model().may_be_away(&guest);
            // It may have gone by itself.
            let _ = fs::remove_file(self.ground.plugin(&guest));
        }
        if self
            .tenants
            .iter()
            .any(|it| it.home == Home::Mounted && !it.is_good)
        {
            self.mount(None)?;
        }
        for tenant in &mut self.tenants {
            if !tenant.is_good {
                tenant
                    .renew(WriteMethod::Rename, self.ground, &mut self.rng)
                    .await?;
            }
        }
        Ok(())
    }

    async fn operate(&mut self, kind: Kind) -> io::Result<()> {
        match kind {
            Kind::DirectoryGoes | Kind::DirectoryAnew | Kind::DirectoryClosed => {
                return self.directory(kind).await;
            }
            _ => {}
        }
        let ground = self.ground;
        let _there = ground.directory.read().await;
        match kind {
            Kind::Replace => self.replace().await,
            Kind::Mount => self.remount(),
            Kind::Spoil => self.spoil().await,
            Kind::Touch => self.touch(),
            Kind::Permissions => self.permissions().await,
            Kind::Leave => self.leave().await,
            Kind::Move => self.move_away().await,
            Kind::Twins => self.twins().await,
            Kind::HundredTimes => self.hundred_times().await,
            Kind::Burst => self.burst().await,
            _ => self.litter().await,
        }
    }

    /// One of the tenants that are so.
    fn one(&mut self, is_so: impl Fn(&Tenant) -> bool) -> Option<usize> {
        let suitable: Vec<_> = (0..self.tenants.len())
            .filter(|at| is_so(&self.tenants[*at]))
            .collect();
        self.rng.choice(suitable)
    }

    fn write_method(&mut self) -> WriteMethod {
        self.rng
            .choice(WriteMethod::ALL)
            .expect("there are methods")
    }

    fn say(&self, kind: &'static str, on: &str) {
        self.ground.log.operation(kind, on);
    }

    async fn replace(&mut self) -> io::Result<()> {
        let way = self.write_method();
        let Some(at) = self.one(|it| way.suits(it)) else {
            return Ok(());
        };
        let tenant = &mut self.tenants[at];
        self.ground.log.operation(way.name(), &tenant.name);
        tenant.renew(way, self.ground, &mut self.rng).await
    }

    async fn spoil(&mut self) -> io::Result<()> {
        let way = self.write_method();
        let broken = self.rng.choice(&self.broken).copied();
        let broken = broken.expect("there are kinds");
        let model = self.ground.model().clone();
        // Where no good version is sure, nothing keeps one from being run that only its run shows to
        // be broken.
        let is_sure = |it: &Tenant| !model.plugins[&it.name].may_be_away;
        let Some(at) = self.one(|it| {
            way.suits(it) && (broken != Broken::Trapping || is_sure(it) && !way.leaves())
        }) else {
            return Ok(());
        };
        let tenant = &mut self.tenants[at];
        let was_good = tenant.is_good;
        let on = format!("{} by {}", tenant.name, way.name());
        self.ground.log.operation(broken.name(), &on);
        tenant
            .spoil(broken, way, self.ground, &mut self.rng)
            .await?;
        if was_good && self.rng.bool() {
            pause(&mut self.rng, Duration::from_millis(800)).await;
            // What served before is back, byte for byte.
            let version = tenant.version;
            let bytes = self.ground.foundry.bytes(version);
            tenant
                .put(
                    version,
                    &bytes,
                    WriteMethod::Rename,
                    self.ground,
                    &mut self.rng,
                )
                .await?;
        }
        Ok(())
    }

    fn touch(&mut self) -> io::Result<()> {
        let Some(at) = self.one(|_| true) else {
            return Ok(());
        };
        let path = self.ground.plugin(&self.tenants[at].name);
        self.say("touched", &self.tenants[at].name);
        if !path.exists() {
            return Ok(());
        }
        let age = Duration::from_secs(self.rng.u64(0..100_000));
        let age = if self.rng.bool() { age } else { Duration::ZERO };
        File::open(path)?.set_modified(SystemTime::now() - age)
    }

    async fn permissions(&mut self) -> io::Result<()> {
        let Some(at) = self.one(|it| it.home == Home::Plain) else {
            return Ok(());
        };
        let name = self.tenants[at].name.clone();
        let path = self.ground.plugin(&name);
        if !path.exists() {
            return Ok(());
        }
        self.say("permissions", &name);
        self.ground.model().may_be_refused(&name);
        ground::set_mode(&path, 0o000)?;
        pause(&mut self.rng, Duration::from_secs(1)).await;
        ground::set_mode(&path, 0o644)
    }

    async fn leave(&mut self) -> io::Result<()> {
        let Some(at) = self.one(|it| it.may_leave) else {
            return Ok(());
        };
        let tenant = &mut self.tenants[at];
        if !self.ground.plugin(&tenant.name).is_symlink()
            && !self.ground.plugin(&tenant.name).exists()
        {
            self.ground.log.operation("added", &tenant.name);
            return tenant
                .renew(WriteMethod::Rename, self.ground, &mut self.rng)
                .await;
        }
        self.ground.log.operation("removed", &tenant.name);
        tenant.leave(self.ground)?;
        if self.rng.bool() {
            pause(&mut self.rng, Duration::from_millis(1500)).await;
            self.ground.log.operation("added", &tenant.name);
            tenant
                .renew(WriteMethod::Rename, self.ground, &mut self.rng)
                .await?;
        }
        Ok(())
    }

    /// The file gets another name for a while, and is another plugin then.
    async fn move_away(&mut self) -> io::Result<()> {
        let Some(at) = self.one(|it| it.may_leave && it.is_good) else {
            return Ok(());
        };
        let tenant = &mut self.tenants[at];
        let other = format!("{}-moved", tenant.name);
        self.ground.log.operation("renamed", &tenant.name);
        tenant.may_be_away(self.ground);
        self.ground.may_visit(&other, tenant.version);
        let (here, there) = (self.ground.plugin(&tenant.name), self.ground.plugin(&other));
        fs::rename(&here, &there)?;
        pause(&mut self.rng, Duration::from_millis(1500)).await;
        fs::rename(&there, &here)?;
        tenant.is_good = true;
        Ok(())
    }

    /// Two plugins have the same bytes.
    async fn twins(&mut self) -> io::Result<()> {
        let Some(one) = self.one(|it| it.home == Home::Plain) else {
            return Ok(());
        };
        let name = self.tenants[one].name.clone();
        let Some(other) = self.one(|it| it.home != Home::Mounted && it.name != name) else {
            return Ok(());
        };
        let on = format!("{name}, {}", self.tenants[other].name);
        self.say("twins", &on);
        let (version, bytes) = self.ground.foundry.next();
        for at in [one, other] {
            let tenant = &mut self.tenants[at];
            tenant
                .put(
                    version,
                    &bytes,
                    WriteMethod::Rename,
                    self.ground,
                    &mut self.rng,
                )
                .await?;
            pause(&mut self.rng, Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn hundred_times(&mut self) -> io::Result<()> {
        let Some(at) = self.one(|it| it.home != Home::Mounted) else {
            return Ok(());
        };
        let tenant = &mut self.tenants[at];
        self.ground.log.operation("a hundred times", &tenant.name);
        for _ in 0..100 {
            tenant
                .renew(WriteMethod::Rename, self.ground, &mut self.rng)
                .await?;
            tokio::time::sleep(Duration::from_millis(9)).await;
        }
        Ok(())
    }

    /// Hundreds of plugins come at once, and go.
    async fn burst(&mut self) -> io::Result<()> {
        let count = self.rng.usize(100..=300);
        self.say("burst", &format!("{count} files"));
        let crowd = self.rng.u32(..);
        let versions: Vec<_> = (0..4).map(|_| self.ground.foundry.next()).collect();
        for number in 0..count {
            let (version, bytes) = &versions[number % versions.len()];
            let name = format!("burst-{crowd:x}-{number}");
            self.ground.may_visit(&name, *version);
            ground::renamed(&self.ground.plugin(&name), bytes)?;
            self.guests.insert(name);
            // Others have their turn between two files, as they would have.
            tokio::task::yield_now().await;
        }
        pause(&mut self.rng, Duration::from_secs(4)).await;
        for name in std::mem::take(&mut self.guests) {
            fs::remove_file(self.ground.plugin(&name))?;
        }
        Ok(())
    }

    /// What is no plugin by its name, and stays that.
    async fn litter(&mut self) -> io::Result<()> {
        self.say("litter", "");
        let plugins = self.ground.plugins();
        let (_, bytes) = self.ground.foundry.next();
        let names = [
            "README.md",
            ".hidden.wasm",
            "half.wasm.part",
            "old.wasm~",
            "core",
        ];
        let mine = self.rng.choice(names).expect("there are names");
        let mine = plugins.join(format!("{mine}.{}", self.rng.u64(..)));
        let hidden = plugins.join(format!(".{}.wasm", self.rng.u64(..)));
        for path in [&mine, &hidden] {
            ground::in_pieces(path, &[&bytes], &mut self.rng).await?;
        }
        fs::remove_file(mine)?;
        fs::remove_file(hidden)
    }

    /// All that are mounted change at once, as Kubernetes does it.
    fn remount(&mut self) -> io::Result<()> {
        if !self.tenants.iter().any(|it| it.home == Home::Mounted) {
            return Ok(());
        }
        let model = self.ground.model().clone();
        let spoiled = (self.rng.u8(0..4) == 0).then(|| self.one(|it| it.home == Home::Mounted));
        let broken = self.rng.choice(&self.broken).copied();
        let broken = broken.expect("there are kinds");
        let spoiled = spoiled.flatten().filter(|at| {
            let is_sure = !model.plugins[&self.tenants[*at].name].may_be_away;
            broken != Broken::Trapping || is_sure
        });
        self.say("mount", spoiled.map_or("", |_| "with one that is broken"));
        self.mount(spoiled.map(|at| (at, broken)))
    }

    fn mount(&mut self, spoiled: Option<(usize, Broken)>) -> io::Result<()> {
        let mounted: Vec<_> = (0..self.tenants.len())
            .filter(|at| self.tenants[*at].home == Home::Mounted)
            .collect();
        if mounted.is_empty() {
            return Ok(());
        }
        self.mounts += 1;
        let plugins = self.ground.plugins();
        let before = fs::read_link(plugins.join("..data")).ok();
        let name = format!("..mount-{}", self.mounts);
        fs::create_dir(plugins.join(&name))?;
        for at in mounted {
            let tenant = &mut self.tenants[at];
            let file = format!("{}.wasm", tenant.name);
            let broken = spoiled.filter(|(spoiled, _)| *spoiled == at);
            let bytes = if let Some((_, broken)) = broken {
                self.ground.foundry.broken(broken, &mut self.rng)
            } else {
                let (version, bytes) = self.ground.foundry.next();
                self.ground.model().may_serve(&tenant.name, version);
                tenant.version = version;
                bytes
            };
            // One that is just read may lose its directory.
            self.ground.model().may_be_refused(&tenant.name);
            tenant.is_good = broken.is_none();
            tenant.is_changed = true;
            fs::write(plugins.join(&name).join(&file), bytes)?;
            let path = self.ground.plugin(&tenant.name);
            if !path.is_symlink() {
                ground::linked(&std::path::Path::new("..data").join(&file), &path)?;
            }
        }
        ground::linked(std::path::Path::new(&name), &plugins.join("..data"))?;
        before.map_or(Ok(()), |before| fs::remove_dir_all(plugins.join(before)))
    }

    async fn directory(&mut self, kind: Kind) -> io::Result<()> {
        let _alone = self.ground.directory.write().await;
        self.ground.model().directory_may_be_away();
        let plugins = self.ground.plugins();
        let away = self.ground.beside("plugins.away");
        let most = Duration::from_millis(1500);
        match kind {
            Kind::DirectoryGoes => {
                self.say("directory goes", "");
                fs::rename(&plugins, &away)?;
                pause(&mut self.rng, most).await;
                fs::rename(&away, &plugins)
            }
            Kind::DirectoryAnew => {
                self.say("directory anew", "");
                let anew = self.ground.beside("plugins.anew");
                ground::copy_directory(&plugins, &anew)?;
                fs::rename(&plugins, &away)?;
                fs::rename(&anew, &plugins)?;
                fs::remove_dir_all(&away)
            }
            _ => {
                self.say("directory closed", "");
                ground::set_mode(&plugins, 0o000)?;
                pause(&mut self.rng, most).await;
                ground::set_mode(&plugins, 0o755)
            }
        }
    }
}

impl Ground {
    /// A plugin may come that the configuration does not name.
    fn may_visit(&self, name: &str, version: super::versions::Version) {
        let mut model = self.model();
        model.may_serve(name, version);
        model.may_come(&by_itself(name), name, false);
        model.may_be_away(name);
    }
}

/// From one operation to the next.
const MOST_BETWEEN: Duration = Duration::from_millis(120);
