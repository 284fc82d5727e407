//! What one run of a check left behind: its outcome, how it ended, what it cost.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::{LimitUse, Outcome, Status, Text};

/// Why a run or a load ended otherwise than by an answer of the check. The same words stand in
/// answers, metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Code {
    /// The run took longer than its timeout.
    Timeout,
    /// The guest used up its fuel.
    Fuel,
    /// The guest asked for more memory than it may have.
    Memory,
    /// The guest's stack overflowed.
    Stack,
    /// The guest handed more bytes to the host in one call than it may.
    Output,
    /// The guest held more host resources (streams, pollables, handles) than it may.
    Resources,
    /// The guest trapped, aborted or panicked.
    Trap,
    /// The guest ended itself with `exit`.
    Exit,
    /// The check's plugin could not be loaded, or its configuration does not fit.
    Load,
    /// The check was refused something and did not find the watched thing healthy.
    Denied,
    /// The code of a native check panicked.
    Panic,
    /// The host's own code panicked in the middle of the run; this says nothing about the watched
    /// thing.
    Host,
    /// The host had no room for the run; this says nothing about the watched thing.
    Full,
}

impl Code {
    /// All of them.
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

    /// The code as answers, metrics and logs spell it.
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

/// What the guest was doing when its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It computed.
    Computing,
    /// It waited for a reply or a timer.
    Waiting,
}

/// The `error` of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunError {
    /// What ended the run.
    pub code: Code,
    /// What happened, for a person.
    pub message: Text,
    /// The limit that was hit, as the configuration would write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What the guest asked for, in the same unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The guest's stack frames for a trap, innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Text>,
    /// What the guest was doing when its time was over, for a timeout. The message says it in words.
    #[serde(skip)]
    pub activity: Option<Activity>,
}

impl RunError {
    /// An error that is about no limit.
    pub fn new(code: Code, message: &str) -> Self {
        Self::of(code, Text::line(message, MESSAGE_BYTES))
    }

    /// An error whose message is a line already.
    pub fn of(code: Code, message: Text) -> Self {
        Self {
            code,
            message,
            limit: None,
            asked: None,
            frames: Vec::new(),
            activity: None,
        }
    }

    /// What it says of the check's own code.
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
            // Who waits for a slow dependency, or was refused something, has done nothing wrong.
            Code::Timeout | Code::Denied | Code::Load | Code::Panic => LimitUse::Within,
            Code::Host | Code::Full => LimitUse::Unknown,
        }
    }
}

/// Something that the check asked for and that no grant covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// The kind of grant that was missing: `http`, `tcp`, `name`, …
    pub kind: &'static str,
    /// What was refused, and what the operator would have to write.
    pub message: Text,
}

/// What one run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Fuel consumed; about one unit for each WebAssembly instruction.
    pub fuel: u64,
    /// The most memory that the guest held at a time, tables included, in bytes.
    pub memory_peak_bytes: u64,
}

/// What one run of a check left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct RunReport {
    /// What was found out. Where a limit ended the run it is unhealthy and says so.
    pub outcome: Outcome,
    /// How the run ended, if not by an answer.
    pub error: Option<RunError>,
    /// The run's own time; waiting for a slot is not part of it.
    pub elapsed: Duration,
    /// What it used; zero for a native check.
    pub usage: Usage,
    /// What it was refused, each thing once.
    pub denials: Vec<Denial>,
    /// How often it was refused something, by the kind of grant that was missing.
    pub denied: Vec<(&'static str, u64)>,
    /// The tail of what the guest wrote to its standard output and error, line by line.
    pub output: Vec<Text>,
    /// Log lines that were dropped because the run wrote too many.
    pub dropped_log_lines: u32,
}

impl RunReport {
    /// A run that ended by an answer.
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

    /// A run that ended otherwise: its status is `unknown` where the host is to blame, else
    /// `unhealthy`; its message is the error's.
    pub fn failed(error: RunError, elapsed: Duration) -> Self {
        let status = match error.code {
            Code::Host | Code::Full => Status::Unknown,
            _ => Status::Unhealthy,
        };
        Self::ended(status, error, elapsed)
    }

    /// Nothing ran, and the host is to blame: the status is `unknown`, whatever the code.
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

    /// What the run says of the check's own code.
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
    fn only_what_the_code_did_itself_exceeds_a_limit() {
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
            // A native check: nobody knows.
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
