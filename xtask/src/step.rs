//! What a person sees of long work: numbered steps with the seconds each took, on standard error.
//!
//! It must not know what the steps do; their own output passes through between the lines.

#![expect(
    clippy::print_stderr,
    reason = "a command line tool reports on standard error"
)]

use std::time::Instant;

use anyhow::Result;

/// The steps of one verb, counted.
pub(crate) struct Steps {
    done: u32,
    all: u32,
}

impl Steps {
    /// Starts a count of `all` steps.
    pub(crate) fn new(all: u32) -> Self {
        Self { done: 0, all }
    }

    /// Runs the next step between a line that names it and a line with the seconds it took.
    ///
    /// # Errors
    ///
    /// Those of `work`, unchanged.
    pub(crate) fn step<T>(&mut self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.begin(what);
        let started = Instant::now();
        let result = work()?;
        eprintln!("      {:.1} s", started.elapsed().as_secs_f64());
        Ok(result)
    }

    /// Names the next step, for work that doesn't come back.
    pub(crate) fn begin(&mut self, what: &str) {
        self.done += 1;
        eprintln!("[{}/{}] {what}", self.done, self.all);
    }
}

/// Says a line that belongs to the running step.
pub(crate) fn note(line: &str) {
    eprintln!("      {line}");
}

/// Says a text that belongs to no step.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Says an error with its causes.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
