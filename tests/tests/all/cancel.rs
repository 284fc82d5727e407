//! A run may be dropped at any point: in its instantiation, in guest code, in a call of the host,
//! in the growth of its memory, on its way out.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use vitals_host::check::Status;
use vitals_host::config::{Config, Limits, Secrets};
use vitals_host::plugin::{Grant, Grants, Plugin, Sandbox, Task};
use vitals_host::{Roots, sandbox_options};
use vitals_tests::guests::{self, Guest};
use vitals_tests::{Reply, Target, eventually};

/// A guest with what it is told.
struct Victim {
    plugin: Arc<Plugin>,
    task: Arc<Task>,
}

impl Victim {
    async fn new(sandbox: &Sandbox, guest: Guest, config: &str, grants: Grants) -> Self {
        let name = "victim".parse().expect("a valid name");
        let plugin = Plugin::admit(sandbox, name, guest.bytes()).await;
        let task = Task {
            check: "victim".parse().expect("a valid name"),
            config: config.into(),
            grants: Arc::new(grants),
            limits: Limits {
                fuel: u64::MAX / 2,
                ..Limits::default()
            },
            timeout: Duration::from_secs(20),
            secrets: Arc::new(Secrets::default()),
            roots: Roots::default(),
        };
        Self {
            plugin: plugin.expect("the guest is a good plugin"),
            task: Arc::new(task),
        }
    }

    /// Begins a run and drops it somewhere; answers whether it had ended by then.
    async fn cut_short(&self, random: &mut Rng) -> bool {
        let run = self.plugin.run(Arc::clone(&self.task), None);
        if random.u8(..3) == 0 {
            let mut run = Box::pin(run);
            for _ in 0..random.u8(1..20) {
                if futures_lite::future::poll_once(&mut run).await.is_some() {
                    return true;
                }
                tokio::task::yield_now().await;
            }
            return false;
        }
        let end = Duration::from_micros(random.u64(..2_500));
        tokio::time::timeout(end, run).await.is_ok()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "a figure for people")]
async fn a_hundred_thousand_runs_dropped_anywhere_leave_nothing_behind() {
    let config = Config::default();
    let mut options = sandbox_options(&config, None);
    options.cache_dir = None;
    let sandbox = Sandbox::new(options).expect("a sandbox");
    let silent = Target::start(Reply::Silence);
    let url = silent.url("/");
    let http = Grant::allowed("http", &url).expect("a URL");
    let nothing = Grants::default;
    let settings = |settings: &str| settings.to_owned();
    let victims = [
        (guests::HELLO, settings("{}"), nothing()),
        (guests::SPIN, settings("{}"), nothing()),
        (guests::SPIN, settings("{\"calls\":4000000000}"), nothing()),
        (guests::SLEEP, settings("{\"time\":\"1h\"}"), nothing()),
        (guests::FILL, settings("{\"mebibytes\":8}"), nothing()),
        (guests::LEAK, settings("{\"pollables\":100}"), nothing()),
        (guests::RECURSE, settings("{\"depth\":1000000}"), nothing()),
        (
            guests::HTTP_GET,
            format!("{{\"url\":\"{url}\"}}"),
            Grants::new([http], |_| None),
        ),
    ];
    let mut herd = Vec::new();
    for (guest, settings, grants) in victims {
        herd.push(Victim::new(&sandbox, guest, &settings, grants).await);
    }
    let herd = Arc::new(herd);
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let herd = Arc::clone(&herd);
        let mut random = Rng::with_seed(SEED + lane);
        lanes.spawn(async move {
            let mut ended = 0_u64;
            for _ in 0..RUNS / LANES {
                let victim = random.choice(&*herd).expect("there are some");
                ended += u64::from(victim.cut_short(&mut random).await);
            }
            ended
        });
    }
    let ended: u64 = lanes.join_all().await.into_iter().sum();
    eprintln!(
        "{} of {RUNS} runs were dropped, the others had ended",
        RUNS - ended
    );
    assert!(ended < RUNS * 9 / 10, "{ended} of {RUNS} had ended before");

    // Had a dropped one kept its instance, the pool would not have as many any more. The last ones
    // give theirs back a moment after they were dropped.
    let good = &herd[0];
    eventually("every instance can be had", async || {
        let mut runs = JoinSet::new();
        for _ in 0..config.engine.max_runs {
            let (plugin, task) = (Arc::clone(&good.plugin), Arc::clone(&good.task));
            runs.spawn(async move { plugin.run(task, None).await });
        }
        let reports = runs.join_all().await.into_iter();
        let mut others = reports.filter(|it| it.outcome.status() != Status::Healthy);
        others
            .next()
            .map_or(Ok(()), |other| Err(format!("{other:?}")))
    })
    .await;
}

const RUNS: u64 = 100_000;
const LANES: u64 = 16;
const SEED: u64 = 2_026;
