//! `/health/live` names a loop of the host that is stalled, until it continues.
//!
//! A loop counts as stalled after 10 s, so these tests take a little longer than that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::runtime;
use vitals_host::check::{ErrorTracker, GuestReport};
use vitals_host::{Host, Outcome};
use vitals_tests::{Mounted, Place, TestHost, eventually, guests, when};

/// A gate that blocks threads until it is opened.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    opened: Condvar,
}

#[derive(Default)]
struct GateState {
    open: bool,
    waiting: usize,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock();
        state.waiting += 1;
        // A test that fails must not keep its threads forever.
        let patience = Duration::from_mins(1);
        let is_shut = |state: &mut GateState| !state.open;
        self.opened.wait_while_for(&mut state, is_shut, patience);
        state.waiting -= 1;
    }

    pub(crate) fn open(&self) {
        self.state.lock().open = true;
        self.opened.notify_all();
    }

    pub(crate) async fn blocks(&self, count: usize) {
        eventually(&format!("{count} threads are blocked"), async || {
            let waiting = self.state.lock().waiting;
            when(waiting >= count, waiting)
        })
        .await;
    }
}

impl ErrorTracker for Gate {
    fn capture(&self, _report: &GuestReport<'_>) -> Option<String> {
        self.pass();
        None
    }
}

/// Waits until `/health/live` is so.
async fn live(mounted: &Mounted, status: u16, body: &str) {
    eventually(&format!("{status} {body}"), async || {
        let live = mounted.get("/health/live").await;
        when(live.status == status && live.text() == body, live.body)
    })
    .await;
}

const ALIVE: &str = r#"{"status":"alive"}"#;

#[tokio::test]
async fn guest_threads_that_are_all_blocked_by_the_host_are_stalled() {
    let (host, _place, gate) = host_with_gate().await;
    let mounted = Mounted::serve(host.router()).await;
    gate.blocks(2).await;
    live(&mounted, 200, ALIVE).await;
    live(&mounted, 503, r#"{"loop":"guests","status":"stalled"}"#).await;
    gate.open();
    live(&mounted, 200, ALIVE).await;
    host.shutdown().await;
}

/// A host with two guest threads, on which its error tracker waits at the gate.
pub(crate) async fn host_with_gate() -> (Host, Place, Arc<Gate>) {
    let gate = Arc::<Gate>::default();
    let config = "[engine]\nguest_threads = 2\n[defaults]\ninterval = '5s'\ntimeout = '5s'\n\
                  [checks.a]\nplugin = 'log'\n[checks.b]\nplugin = 'log'";
    let given = Arc::clone(&gate);
    let builder = TestHost::builder().config(config).guests([guests::LOG]);
    let builder = builder.with(|host| host.error_tracker(given));
    let (host, place) = builder.build().await;
    (host, place, gate)
}

#[tokio::test]
async fn endless_guests_on_every_thread_stall_nothing() {
    let mut config = "[engine]\nguest_threads = 2\n[defaults]\ninterval = '20s'\ntimeout = '20s'\n\
                      [defaults.limits]\nfuel = 1_000_000_000_000\n[server]\nshutdown_grace = '1ms'\n"
        .to_owned();
    for number in 0..64 {
        config.extend(["[checks.c", &number.to_string(), "]\nplugin = 'spin'\n"]);
    }
    let builder = TestHost::builder().config(&config);
    let (host, _place) = builder.guests([guests::SPIN]).build().await;
    let mounted = Mounted::serve(host.router()).await;
    // For longer than it takes to count as stalled.
    let over = Instant::now() + Duration::from_secs(12);
    while Instant::now() < over {
        let answer = mounted.get("/health/live").await;
        assert_eq!((answer.status, answer.text()), (200, ALIVE));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    host.shutdown().await;
}

/// Blocks the thread that drops it.
struct Sticky(Arc<Gate>);

impl Drop for Sticky {
    fn drop(&mut self) {
        self.0.pass();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_watcher_that_is_blocked_is_stalled() {
    // Only the watcher holds a check that is not enabled, and drops it.
    let config = "[checks.mine]\nenabled = false";
    let (host, _place) = TestHost::builder().config(config).build().await;
    let mounted = Mounted::serve(host.router()).await;
    mounted.get("/health").await;
    let gate = Arc::<Gate>::default();
    let mine = Sticky(Arc::clone(&gate));
    host.register("mine", move || {
        let _mine = &mine;
        async { Outcome::healthy("") }
    })
    .expect("a name");
    host.unregister("mine").expect("a name");
    gate.blocks(1).await;
    live(&mounted, 503, r#"{"loop":"watcher","status":"stalled"}"#).await;
    gate.open();
    live(&mounted, 200, ALIVE).await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_schedule_whose_threads_are_blocked_is_stalled() {
    // The native checks block the threads of the host's runtime. The test's runtime serves the page.
    let gate = Arc::<Gate>::default();
    let own = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut builder = TestHost::builder();
    for name in ["one", "two"] {
        let gate = Arc::clone(&gate);
        builder = builder.with(|host| {
            host.check(name, move || {
                let gate = Arc::clone(&gate);
                async move {
                    gate.pass();
                    Outcome::healthy("")
                }
            })
        });
    }
    let building = own.spawn(async move { builder.build().await });
    let (host, _place) = building.await.expect("it starts");
    let mounted = Mounted::serve(host.router()).await;
    gate.blocks(2).await;
    live(&mounted, 503, r#"{"loop":"schedule","status":"stalled"}"#).await;
    gate.open();
    live(&mounted, 200, ALIVE).await;
    host.shutdown().await;
    drop(host);
    own.shutdown_background();
}
