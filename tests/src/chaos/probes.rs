//! Probes that hammer every page, each answer held against what may be true.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use super::Part;
use super::campaign_log::Reloads;
use super::ground::Ground;
use super::judge::{Judge, Memory, Page};

/// Everybody who asks, until they are told to end.
pub(super) struct Probes {
    tasks: JoinSet<()>,
    /// Read while a question is out, so that what may be true is not narrowed under it.
    asking: Arc<RwLock<()>>,
    is_over: Arc<AtomicBool>,
}

/// Who asks for one kind of page, again and again.
struct Prober {
    address: SocketAddr,
    ground: Arc<Ground>,
    asking: Arc<RwLock<()>>,
    is_over: Arc<AtomicBool>,
    without: Arc<[Part]>,
    rng: Rng,
}

impl Probes {
    pub(super) fn start(
        address: SocketAddr,
        ground: &Arc<Ground>,
        seed: u64,
        without: &Arc<[Part]>,
    ) -> Self {
        let mut probes = Self {
            tasks: JoinSet::new(),
            asking: Arc::default(),
            is_over: Arc::default(),
        };
        let mut rng = Rng::with_seed(seed);
        for page in PAGES {
            let prober = Prober {
                address,
                ground: Arc::clone(ground),
                asking: Arc::clone(&probes.asking),
                is_over: Arc::clone(&probes.is_over),
                without: Arc::clone(without),
                rng: rng.fork(),
            };
            probes.tasks.spawn(prober.ask_for(page));
        }
        probes
    }

    /// Does something while no question is out.
    pub(super) async fn between<T>(&self, work: impl FnOnce() -> T) -> T {
        let _nobody_asks = self.asking.write().await;
        work()
    }

    /// Waits for the last answers.
    pub(super) async fn end(mut self) {
        self.is_over.store(true, Ordering::Release);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a prober does not panic");
        }
    }
}

impl Prober {
    async fn ask_for(mut self, page: Page) {
        let mut memory = Memory::default();
        while !self.is_over.load(Ordering::Acquire) {
            let page = match &page {
                Page::Check(_) => self.any_check(),
                page => page.clone(),
            };
            self.ask(&page, &mut memory).await;
            let pause = MOST_BETWEEN.mul_f64(self.rng.f64());
            tokio::time::sleep(pause).await;
        }
    }

    async fn ask(&self, page: &Page, memory: &mut Memory) {
        let _asking = self.asking.read().await;
        let asked = Instant::now();
        let answer = vitals_servers::get(self.address, &page.path()).await;
        let log = &self.ground.log;
        log.probe(page.route(), asked.elapsed());
        let faults = match answer {
            Err(error) => vec![error],
            Ok(answer) => {
                if *page == Page::Metrics {
                    log.configuration(reloads(answer.text()));
                }
                let model = self.ground.model();
                let judge = Judge {
                    model: &model,
                    foundry: &self.ground.foundry,
                    is_faint: self.ground.pulse.is_faint(),
                    without: &self.without,
                };
                judge.faults(page, &answer, memory)
            }
        };
        for fault in faults {
            log.fault(&format!("{}: {fault}", page.path()));
        }
    }

    /// One that is there, or may be.
    fn any_check(&mut self) -> Page {
        let model = self.ground.model();
        let name = self.rng.choice(model.checks.keys());
        Page::Check(name.cloned().unwrap_or_default())
    }
}

fn reloads(metrics: &str) -> Reloads {
    let value = |name: &str| {
        let mut lines = metrics.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_default().to_owned()
    };
    Reloads {
        is_well: value("vitals_config_last_reload_successful") == "1",
        last: value("vitals_config_last_reload_success_timestamp_seconds"),
    }
}

/// Who asks: most for the pages that change.
const PAGES: [Page; 13] = [
    Page::Health,
    Page::Health,
    Page::Health,
    Page::Check(String::new()),
    Page::Check(String::new()),
    Page::Check(String::new()),
    Page::Plugins,
    Page::Plugins,
    Page::Ready,
    Page::Live,
    Page::Startup,
    Page::Tools,
    Page::Metrics,
];
/// From an answer to the next question.
const MOST_BETWEEN: Duration = Duration::from_millis(20);
