//! What a program that registers a native check can wait for.

use tokio::sync::oneshot;

use super::reloader::ShutDown;

/// A native check that was registered. Dropping this changes nothing.
#[derive(Debug)]
pub struct Registration(oneshot::Receiver<()>);

impl Registration {
    /// A registration, and what says that it has been applied.
    pub(crate) fn new() -> (oneshot::Sender<()>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }

    /// Waits until the check counts: it is scheduled, and each answer has it from then on.
    ///
    /// # Errors
    ///
    /// The host was shut down before.
    pub async fn applied(self) -> Result<(), ShutDown> {
        self.0.await.map_err(|_| ShutDown)
    }
}
