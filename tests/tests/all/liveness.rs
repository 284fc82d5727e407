//! `/health/live` says which of the host's own loops stands still, and no more once it goes on.
//!
//! A loop stands still after 10 s, so these tests take a little longer than that.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime;
use vitals_host::Outcome;
use vitals_host::check::{ErrorTracker, GuestReport};
use vitals_tests::{Mounted, TestHost, eventually, guests};

/// A gate that is shut until it is opened. Who comes to it meanwhile keeps his thread.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    turned: Condvar,
}

#[derive(Default)]
struct GateState {
    open: bool,
    waiting: usize,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting += 1;
        // A test that fails must not keep its threads for ever.
        let patience = Duration::from_mins(1);
        let shut = |state: &mut GateState| !state.open;
        let waited = self.turned.wait_timeout_while(state, patience, shut);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
    }

    fn waiting(&self) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting
    }

    pub(crate) fn open(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open = true;
        self.turned.notify_all();
    }

    pub(crate) async fn has(&self, count: usize) {
        eventually("all of them are stuck", async || {
            let waiting = self.waiting();
            if waiting >= count {
                Ok(())
            } else {
                Err(format!("{waiting} of {count}"))
            }
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

/// Asks until `/health/live` answers so, for longer than a loop may stand still.
async fn live(mounted: &Mounted, status: u16, body: &str) {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = mounted.get("/health/live").await;
        if (answer.status, answer.text()) == (status, body) {
            return;
        }
        assert!(
            Instant::now() < patience,
            "{}: {}",
            answer.status,
            answer.text()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

const ALIVE: &str = r#"{"status":"alive"}"#;

#[tokio::test]
async fn guest_threads_that_are_all_stuck_in_the_host_are_no_life() {
    let gate = Arc::new(Gate::default());
    let config = "[engine]\nguest_threads = 2\n[defaults]\ninterval = '5s'\ntimeout = '5s'\n\
                  [checks.a]\nplugin = 'log'\n[checks.b]\nplugin = 'log'";
    let given = Arc::clone(&gate);
    let (host, _place) = TestHost::builder()
        .library("log", guests::LOG)
        .config(config)
        .with(|host| host.error_tracker(given))
        .build()
        .await;
    let mounted = Mounted::serve(host.router()).await;
    gate.has(2).await;
    live(&mounted, 200, ALIVE).await;
    live(&mounted, 503, r#"{"loop":"guests","status":"stalled"}"#).await;
    gate.open();
    live(&mounted, 200, ALIVE).await;
    host.shutdown().await;
}

#[tokio::test]
async fn endless_guests_on_every_thread_are_life() {
    let mut config = "[engine]\nguest_threads = 2\n[defaults]\ninterval = '20s'\ntimeout = '20s'\n\
                      [defaults.limits]\nfuel = 1_000_000_000_000\n[server]\nshutdown_grace = '1ms'\n"
        .to_owned();
    for number in 0..64 {
        config.extend(["[checks.c", &number.to_string(), "]\nplugin = 'spin'\n"]);
    }
    let (host, _place) = TestHost::builder()
        .library("spin", guests::SPIN)
        .config(&config)
        .build()
        .await;
    let mounted = Mounted::serve(host.router()).await;
    // For longer than any loop may stand still.
    let over = Instant::now() + Duration::from_secs(12);
    while Instant::now() < over {
        let answer = mounted.get("/health/live").await;
        assert_eq!((answer.status, answer.text()), (200, ALIVE));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    host.shutdown().await;
}

/// Keeps whoever drops it.
struct Sticky(Arc<Gate>);

impl Drop for Sticky {
    fn drop(&mut self) {
        self.0.pass();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_watcher_that_stands_still_is_no_life() {
    // A check that is not enabled is nobody's but the watcher's, which drops it.
    let config = "[checks.mine]\nenabled = false";
    let (host, _place) = TestHost::builder().config(config).build().await;
    let mounted = Mounted::serve(host.router()).await;
    mounted.get("/health").await;
    let gate = Arc::new(Gate::default());
    let mine = Sticky(Arc::clone(&gate));
    host.register("mine", move || {
        let _mine = &mine;
        async { Outcome::healthy("") }
    })
    .expect("a name");
    host.unregister("mine").expect("a name");
    gate.has(1).await;
    live(&mounted, 503, r#"{"loop":"watcher","status":"stalled"}"#).await;
    gate.open();
    live(&mounted, 200, ALIVE).await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_schedule_whose_threads_are_taken_is_no_life() {
    // The host has a runtime of its own, whose threads its native checks block; the page is served
    // from another one.
    let gate = Arc::new(Gate::default());
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
    gate.has(2).await;
    live(&mounted, 503, r#"{"loop":"schedule","status":"stalled"}"#).await;
    gate.open();
    live(&mounted, 200, ALIVE).await;
    host.shutdown().await;
    drop(host);
    own.shutdown_background();
}
