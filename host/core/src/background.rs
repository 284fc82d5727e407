//! A runtime of its own for the host's loops: the watcher, and the sweep over old results. What they
//! do, and what they load, takes no thread from the pages. Native checks stay where the program that
//! embeds the host started it.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// The runtime; what lives on it is dropped with it.
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
        runtime.expect("it is there until it is dropped").handle()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // What blocks a thread now ends later, and nobody waits for that.
            runtime.shutdown_background();
        }
    }
}

/// One for the watcher while the other is busy with a plugin that is being loaded.
const THREADS: usize = 2;
