//! The report of one run of a check: its outcome, its error, and the resources that it used.
//!
//! Only values. The sandbox and the schedule make reports.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::{LimitUse, Outcome, Status, Text};

/// Why a run or a load did not end with a result of the check. Responses, metrics and logs use the same
/// words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Code {
    /// The run took longer than its timeout.
    Timeout,
    /// The guest used up its fuel.
    Fuel,
    /// The guest asked for more memory than its limit.
    Memory,
    /// The guest's stack overflowed.
    Stack,
    /// The guest passed more bytes to the host in one call than its limit.
    Output,
    /// The guest held more host resources (streams, pollables, handles) than its limit.
    Resources,
    /// The guest trapped, aborted or panicked.
    Trap,
    /// The guest called `exit`.
    Exit,
    /// The check's plugin could not be loaded, or its configuration does not fit the plugin.
    Load,
    /// An attempt of the check was denied, and its status is not healthy.
    Denied,
    /// The code of a native check panicked.
    Panic,
    /// The host's own code panicked during the run. The status of the target is unknown.
    Host,
    /// The host had no resources left for the run. The status of the target is unknown.
    Full,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 13] = [
        Self::Timeout,
        Self::Fuel,
        Self::Memory,
        Self::Stack,
        Self::Output,
        Self::Resources,
        Self::Trap,
        Self::Exit,
        Self::Load,
        Self::Denied,
        Self::Panic,
        Self::Host,
        Self::Full,
    ];

    /// Whether a trial run that ends with this code rejects the new version of a plugin.
    pub fn rejects_version(self) -> bool {
        match self {
            Self::Timeout
            | Self::Fuel
            | Self::Memory
            | Self::Stack
            | Self::Output
            | Self::Resources
            | Self::Trap
            | Self::Exit => true,
            Self::Load | Self::Denied | Self::Panic | Self::Host | Self::Full => false,
        }
    }

    /// The code as responses, metrics and logs spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Fuel => "fuel",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Output => "output",
            Self::Resources => "resources",
            Self::Trap => "trap",
            Self::Exit => "exit",
            Self::Load => "load",
            Self::Denied => "denied",
            Self::Panic => "panic",
            Self::Host => "host",
            Self::Full => "full",
        }
    }
}

/// What the guest was doing when its timeout passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// The guest was computing.
    Computing,
    /// The guest was waiting for a reply or a timer.
    Waiting,
}

/// The `error` of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunError {
    /// Why the run ended.
    pub code: Code,
    /// A message for people.
    pub message: Text,
    /// The limit that was exceeded, in the syntax of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The amount that the guest asked for, in the same syntax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The stack frames of the guest, innermost first, if it trapped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Text>,
    /// What the guest was doing, if its timeout passed. It is not serialized, because the message says it.
    #[serde(skip)]
    pub activity: Option<Activity>,
}

impl RunError {
    /// An error without a limit. The message is sanitized and cut to 2 KiB.
    pub fn new(code: Code, message: &str) -> Self {
        Self::with_text(code, Text::line(message, MESSAGE_BYTES))
    }

    /// An error without a limit whose message is already sanitized.
    pub fn with_text(code: Code, message: Text) -> Self {
        Self {
            code,
            message,
            limit: None,
            asked: None,
            frames: Vec::new(),
            activity: None,
        }
    }

    /// Adds the limit that was exceeded.
    #[must_use]
    pub fn with_limit(mut self, limit: impl Into<String>) -> Self {
        self.limit = Some(limit.into());
        self
    }

    /// Adds the stack frames of the guest, innermost first.
    #[must_use]
    pub fn with_frames(mut self, frames: Vec<Text>) -> Self {
        self.frames = frames;
        self
    }

    /// Adds what the guest was doing when its timeout passed.
    #[must_use]
    pub fn with_activity(mut self, activity: Activity) -> Self {
        self.activity = Some(activity);
        self
    }

    /// Whether the check's own code kept within its limits.
    pub fn limit_use(&self) -> LimitUse {
        match self.code {
            Code::Trap
            | Code::Exit
            | Code::Fuel
            | Code::Memory
            | Code::Stack
            | Code::Output
            | Code::Resources => LimitUse::Exceeded,
            Code::Timeout if self.activity == Some(Activity::Computing) => LimitUse::Exceeded,
            // Waiting for a slow dependency and a denial are not the fault of the check's code.
            Code::Timeout | Code::Denied | Code::Load | Code::Panic => LimitUse::Within,
            Code::Host | Code::Full => LimitUse::Unknown,
        }
    }
}

/// An attempt of a check to reach something that no grant covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Denial {
    /// The kind of the missing grant: `http`, `tcp`, `name` and so on.
    pub kind: &'static str,
    /// What was denied, and the grant that would allow it.
    pub message: Text,
}

impl Denial {
    /// A denial for want of a grant of the given kind.
    pub fn new(kind: &'static str, message: Text) -> Self {
        Self { kind, message }
    }
}

/// The resources that one run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// Fuel consumed; about one unit for each WebAssembly instruction.
    pub fuel: u64,
    /// The peak memory of the guest in bytes, tables included.
    pub memory_peak_bytes: u64,
}

impl Usage {
    /// The usage of a run by fuel and peak memory in bytes.
    pub fn new(fuel: u64, memory_peak_bytes: u64) -> Self {
        Self {
            fuel,
            memory_peak_bytes,
        }
    }
}

/// The report of one run of a check.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RunReport {
    /// The result of the run. If an error ended the run, the outcome has the error's message.
    pub outcome: Outcome,
    /// The error that ended the run, if it did not end with a result.
    pub error: Option<RunError>,
    /// The duration of the run, without the time that it waited for a permit.
    pub elapsed: Duration,
    /// The resources that the run used. Zero for a native check.
    pub usage: Usage,
    /// The denials of the run, each distinct one once.
    pub denials: Vec<Denial>,
    /// The number of denied attempts by kind of the missing grant.
    pub denied: Vec<(&'static str, u64)>,
    /// The last lines that the guest wrote to its standard output and error.
    pub output: Vec<Text>,
    /// The number of log lines that were dropped because the run wrote too many.
    pub dropped_log_lines: u32,
}

impl RunReport {
    /// A run that ended with a result.
    pub fn answered(outcome: Outcome, elapsed: Duration) -> Self {
        Self {
            outcome,
            error: None,
            elapsed,
            usage: Usage::default(),
            denials: Vec::new(),
            denied: Vec::new(),
            output: Vec::new(),
            dropped_log_lines: 0,
        }
    }

    /// A run that ended with an error, whose message becomes that of the outcome. The status is `unknown` if
    /// the host failed, else `unhealthy`.
    pub fn failed(error: RunError, elapsed: Duration) -> Self {
        let status = match error.code {
            Code::Host | Code::Full => Status::Unknown,
            _ => Status::Unhealthy,
        };
        Self::ended(status, error, elapsed)
    }

    /// A run that did not take place because the host failed. The status is `unknown` for every code.
    pub fn unknown(error: RunError, elapsed: Duration) -> Self {
        Self::ended(Status::Unknown, error, elapsed)
    }

    fn ended(status: Status, error: RunError, elapsed: Duration) -> Self {
        let outcome = Outcome::new(status, error.message.as_str());
        Self {
            error: Some(error),
            ..Self::answered(outcome, elapsed)
        }
    }

    /// Whether the check's own code kept within its limits.
    pub fn limit_use(&self) -> LimitUse {
        let limit_use = self.error.as_ref().map(RunError::limit_use);
        limit_use.unwrap_or(LimitUse::Within)
    }

    /// The status or error code under which metrics count the run.
    pub fn result(&self) -> &'static str {
        match &self.error {
            Some(error) => error.code.as_str(),
            None => self.outcome.status().as_str(),
        }
    }
}

const MESSAGE_BYTES: usize = 2 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_the_checks_own_code_are_violations() {
        let limit_use = |code, activity| {
            let error = RunError::new(code, "");
            RunError { activity, ..error }.limit_use()
        };
        let exceeding = [
            Code::Trap,
            Code::Exit,
            Code::Fuel,
            Code::Memory,
            Code::Stack,
            Code::Output,
            Code::Resources,
        ];
        for code in exceeding {
            assert_eq!(
                limit_use(code, None),
                LimitUse::Exceeded,
                "{}",
                code.as_str()
            );
        }
        for (activity, expected) in [
            (Some(Activity::Computing), LimitUse::Exceeded),
            (Some(Activity::Waiting), LimitUse::Within),
            // A native check, whose activity is not known.
            (None, LimitUse::Within),
        ] {
            assert_eq!(limit_use(Code::Timeout, activity), expected, "{activity:?}");
        }
        assert_eq!(limit_use(Code::Denied, None), LimitUse::Within);
        assert_eq!(limit_use(Code::Host, None), LimitUse::Unknown);
        let answered = RunReport::answered(Outcome::unhealthy("down"), Duration::ZERO);
        assert_eq!(answered.limit_use(), LimitUse::Within);
    }
}
