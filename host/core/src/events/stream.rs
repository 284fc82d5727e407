//! The list of sinks, and the delivery of events to them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{Event, Sink};
use vitals_io::panic_text;
use vitals_model::Text;

/// Every sink of a host. Cheap to clone.
#[derive(Clone, Default)]
pub struct Events(Arc<[Arc<dyn Sink>]>);

impl Events {
    /// Creates a stream that hands events to `sinks`, in this order.
    pub fn new(sinks: impl IntoIterator<Item = Arc<dyn Sink>>) -> Self {
        Self(sinks.into_iter().collect())
    }

    /// Hands an event to every sink. A panic of one sink affects neither the other sinks nor the
    /// caller.
    pub fn emit(&self, event: &Event<'_>) {
        for sink in &*self.0 {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| sink.on(event))) {
                self.contain(event, panic.as_ref());
            }
        }
    }

    /// Flushes the queues of all sinks concurrently, for at most `timeout` each.
    pub async fn flush(&self, timeout: Duration) {
        let mut flushing = tokio::task::JoinSet::new();
        for sink in &*self.0 {
            let sink = Arc::clone(sink);
            flushing.spawn(async move { sink.flush(timeout).await });
        }
        flushing.join_all().await;
    }

    /// Reports the panic of a sink to all sinks, unless it happened during such a report.
    fn contain(&self, event: &Event<'_>, panic: &(dyn Any + Send)) {
        if matches!(event, Event::HostPanicked { place: PLACE, .. }) {
            return;
        }
        let message = Text::line(panic_text(panic), PANIC_BYTES);
        // The subscriber of the log may be what panicked.
        let log = || {
            tracing::error!(
                panic = message.as_str(),
                "the host panicked while handling an event"
            );
        };
        let _ = catch_unwind(AssertUnwindSafe(log));
        self.emit(&Event::HostPanicked {
            place: PLACE,
            check: None,
            message: None,
        });
    }
}

const PLACE: &str = "while handling an event";
const PANIC_BYTES: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    struct Panicking;

    impl Sink for Counting {
        fn on(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Sink for Panicking {
        fn on(&self, _: &Event<'_>) {
            panic!("out of cheese");
        }
    }

    #[test]
    fn a_panicking_sink_does_not_affect_others_and_is_reported() {
        let counting = Arc::new(Counting::default());
        let events = Events::new([
            Arc::new(Panicking) as Arc<dyn Sink>,
            Arc::clone(&counting) as _,
        ]);
        events.emit(&Event::FileSystemHung);
        assert_eq!(counting.0.load(Ordering::Relaxed), 2);
    }
}
