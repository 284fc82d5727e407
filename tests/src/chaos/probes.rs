//! Probes request every page again and again, and judge each response.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::task::JoinSet;

use super::judge::{Page, SeenVersions};
use super::state::CampaignState;

/// Starts the probes. They end when the set is dropped.
pub(super) fn start(address: SocketAddr, state: &Arc<CampaignState>, seed: u64) -> JoinSet<()> {
    let mut probes = JoinSet::new();
    let mut rng = Rng::with_seed(seed);
    for (page, count) in PAGES {
        for _ in 0..count {
            let state = Arc::clone(state);
            probes.spawn(probe(address, state, page.clone(), rng.fork()));
        }
    }
    probes
}

async fn probe(address: SocketAddr, state: Arc<CampaignState>, mut page: Page, mut rng: Rng) {
    let mut seen = SeenVersions::new();
    loop {
        if let Page::Check(name) = &mut page {
            let model = state.model.lock();
            if let Some(any) = rng.choice(model.checks.keys()) {
                name.clone_from(any);
            }
        }
        let in_flight = state.requests.read().await;
        let started = Instant::now();
        let response = vitals_servers::get(address, &page.path()).await;
        state.log.request(page.route(), started.elapsed());
        let faults = response.map_or_else(
            |error| vec![error],
            |response| {
                let model = state.model.lock();
                let judge = state.judge(&model, state.stalls.is_stalled(), &mut seen);
                judge.faults(&page, &response)
            },
        );
        drop(in_flight);
        for fault in faults {
            state.log.fault(&format!("{}: {fault}", page.path()));
        }
        tokio::time::sleep(LONGEST_PAUSE.mul_f64(rng.f64())).await;
    }
}

/// Each page with the number of its probes.
const PAGES: [(Page, u8); 8] = [
    (Page::Health, 3),
    (Page::Check(String::new()), 3),
    (Page::Plugins, 2),
    (Page::Ready, 1),
    (Page::Live, 1),
    (Page::Startup, 1),
    (Page::Tools, 1),
    (Page::Metrics, 1),
];
/// From a response to the next request.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
