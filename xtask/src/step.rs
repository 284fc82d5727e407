//! Prints the progress of long work to standard error: numbered steps, and the seconds that each took.
//!
//! It must not know what the steps do. Their own output appears between these lines.

#![expect(
    clippy::print_stderr,
    reason = "a command line tool reports on standard error"
)]

use std::time::Instant;

use anyhow::Result;

/// The numbered steps of one task.
pub(crate) struct Steps {
    done: u32,
    all: u32,
}

impl Steps {
    /// Starts counting `all` steps.
    pub(crate) fn new(all: u32) -> Self {
        Self { done: 0, all }
    }

    /// Prints the name of the next step, runs it, and prints the seconds it took.
    ///
    /// # Errors
    ///
    /// The errors of `work`, unchanged.
    pub(crate) fn step<T>(&mut self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.begin(what);
        let started = Instant::now();
        let result = work()?;
        eprintln!("      {:.1} s", started.elapsed().as_secs_f64());
        Ok(result)
    }

    /// Prints the name of the next step, for work that does not return.
    pub(crate) fn begin(&mut self, what: &str) {
        self.done += 1;
        eprintln!("[{}/{}] {what}", self.done, self.all);
    }
}

/// Prints a line that belongs to the running step.
pub(crate) fn note(line: &str) {
    eprintln!("      {line}");
}

/// Prints a text that belongs to no step.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Prints an error with its causes.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
