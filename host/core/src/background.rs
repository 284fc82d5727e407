//! The runtime of the host's own loops: the watcher and the sweep over stale results. Their work,
//! and the loading of plugins, takes no thread from the pages. Native checks run on the runtime of
//! the embedding program.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// The runtime. Its tasks are dropped with it.
#[derive(Debug)]
pub(crate) struct Background(Option<Runtime>);

impl Background {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("vitals-host")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    pub(crate) fn handle(&self) -> &Handle {
        let runtime = self.0.as_ref();
        runtime.expect("the runtime exists until the drop").handle()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // A blocked thread ends later, and nothing waits for it.
            runtime.shutdown_background();
        }
    }
}

/// One thread for the watcher while the other is busy with loading a plugin.
const THREADS: usize = 2;
