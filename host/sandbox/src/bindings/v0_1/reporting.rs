//! `vitals:health/reporting@0.1.0`.

use super::generated::vitals::health::reporting::{Host, Level};
use crate::state::State;
use vitals_model::Severity;

impl Host for State {
    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.run_log.log(level.into(), &message);
        Ok(())
    }

    fn capture(&mut self, level: Level, message: String) -> wasmtime::Result<Option<String>> {
        Ok(self.run_log.capture(level.into(), &message))
    }
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warning => Self::Warning,
            Level::Error => Self::Error,
        }
    }
}
