//! Tests of deliveries to real servers.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderMap;

use super::*;
use crate::metrics::Metrics;
use crate::outgoing::Timeouts;
use crate::outgoing::testing::{PanicsFirst, eventually, takes_everything};

/// Counts the outcomes of messages.
#[derive(Default)]
struct Counts {
    delivered: AtomicUsize,
    panicked: AtomicUsize,
}

impl Endpoint for Arc<Counts> {
    fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    fn retried(&self, why: &str) {
        panic!("{why}");
    }

    fn rejected(&self, why: &str) {
        panic!("{why}");
    }

    fn dropped(&self, count: usize) {
        panic!("{count}");
    }

    fn panicked(&self) {
        self.panicked.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_panic_is_counted_and_loses_no_message() {
    let port = takes_everything().await;
    let target = Target {
        url: format!("http://receiver.test:{port}/"),
        sign_in: SignIn::None,
        headers: HeaderMap::new(),
        roots: None,
        timeouts: Timeouts {
            connect: Duration::from_secs(20),
            total: Duration::from_secs(20),
        },
    };
    let counts = Arc::<Counts>::default();
    let sender = HttpSender::over(target, PanicsFirst::client());
    let metrics = Metrics::enabled("1", "2");
    let (endpoint, queue) = (Arc::clone(&counts), Queue::new(2));
    let delivery = Delivery::start(endpoint, queue, sender, metrics.deliveries()).unwrap();
    delivery.with_outbox(|queue| queue.push("one".into()) + queue.push("two".into()));
    let is_delivered = || counts.delivered.load(Ordering::Relaxed) == 2;
    eventually("two deliveries", is_delivered).await;
    assert_eq!(counts.panicked.load(Ordering::Relaxed), 1);
    let text = metrics.text();
    assert!(text.contains("vitals_host_panics_total 1"), "{text}");
}
