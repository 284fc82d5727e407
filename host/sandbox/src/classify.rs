//! Classifies why a run ended: maps `wasmtime::Error` to a code, a limit and a message.
//!
//! Errors are told apart by type. Two that wasmtime keeps private are recognised by their text; the
//! tests of the limits fail if a new version changes it.

use vitals_values::{Size, duration_text};
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use super::egress::RetainedBytesExceeded;
use super::limiter::MemoryExceeded;
use super::run_limits::{MAX_RESOURCES, RunLimits};
use super::symbols::Symbols;
use vitals_model::{Activity, Code, RunError, Secrets, Text};

/// The deadline of the run passed while the guest was computing.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the deadline of the run has passed")]
pub(super) struct DeadlinePassed;

/// The error of a run that exceeded its timeout.
pub(super) fn timeout(limits: &RunLimits, activity: Activity) -> RunError {
    let doing = match activity {
        Activity::Computing => "computing",
        Activity::Waiting => "waiting for a reply or a timer",
    };
    let limit = duration_text(limits.timeout);
    let message = format!("timed out after {limit} ({doing})");
    RunError::new(Code::Timeout, &message)
        .with_limit(limit)
        .with_activity(activity)
}

/// The error of a run that the sandbox ended, without secrets in its message.
pub(super) fn classify(
    error: &wasmtime::Error,
    limits: &RunLimits,
    output: &[Text],
    secrets: &Secrets,
) -> RunError {
    if let Some(exceeded) = error.downcast_ref::<MemoryExceeded>() {
        let (limit, asked) = (exceeded.limit as u64, exceeded.requested as u64);
        let (limit, asked) = (size(limit), size(asked));
        let message = format!("asked for {asked} of memory, the limit is {limit}");
        let mut error = RunError::new(Code::Memory, &message).with_limit(limit);
        error.asked = Some(asked);
        return error;
    }
    if error.is::<DeadlinePassed>() {
        return timeout(limits, Activity::Computing);
    }
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        let message = format!("the plugin exited with status {}", exit.0);
        return RunError::new(Code::Exit, &with_panic(&message, output));
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return resources();
    }
    if let Some(exceeded) = error.downcast_ref::<RetainedBytesExceeded>() {
        let limit = size(exceeded.limit);
        let message =
            format!("passed the host more than {limit} of headers and requests in one run");
        return RunError::new(Code::Resources, &message).with_limit(limit);
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return RunError::new(Code::Full, "the host's instance pool is exhausted");
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return trapped(*trap, error, limits, output, secrets);
    }
    // The context around the cause holds the frames as text, with names that the guest chose.
    let cause = Text::display(error.root_cause(), CAUSE_BYTES);
    if cause.as_str().contains(HOSTCALL_FUEL) {
        let limit = size(limits.output);
        let message = format!("passed more than {limit} to the host in one call");
        return RunError::new(Code::Output, &message).with_limit(limit);
    }
    if cause.as_str().contains(HANDLE_LIMIT) {
        return resources();
    }
    let message = secrets.line(&format!("trapped: {cause}"), CAUSE_BYTES);
    RunError::new(Code::Trap, &with_panic(message.as_str(), output))
        .with_frames(frames(error, secrets))
}

fn trapped(
    trap: Trap,
    error: &wasmtime::Error,
    limits: &RunLimits,
    output: &[Text],
    secrets: &Secrets,
) -> RunError {
    match trap {
        Trap::OutOfFuel => {
            let limit = limits.fuel.to_string();
            let message = format!("used up its fuel of {limit}");
            RunError::new(Code::Fuel, &message).with_limit(limit)
        }
        Trap::StackOverflow => {
            let limit = size(super::engine::WASM_STACK as u64);
            let message = format!("overflowed its stack of {limit}");
            RunError::new(Code::Stack, &message)
                .with_limit(limit)
                .with_frames(frames(error, secrets))
        }
        Trap::Interrupt => timeout(limits, Activity::Computing),
        _ => {
            let message = with_panic(&format!("trapped: {trap}"), output);
            RunError::new(Code::Trap, &message).with_frames(frames(error, secrets))
        }
    }
}

fn resources() -> RunError {
    let limit = MAX_RESOURCES.to_string();
    let message = format!("held more than {limit} host resources (streams, pollables, handles)");
    RunError::new(Code::Resources, &message).with_limit(limit)
}

/// The message of a panic that a Rust guest wrote to its standard error, or `message`.
fn with_panic(message: &str, output: &[Text]) -> String {
    let Some(at) = output
        .iter()
        .rposition(|line| line.as_str().contains(PANICKED))
    else {
        return message.to_owned();
    };
    let lines = output[at + 1..].iter().map(Text::as_str);
    let said: Vec<_> = lines
        .take_while(|line| !line.starts_with("note: "))
        .collect();
    let place = output[at]
        .as_str()
        .split_once(PANICKED)
        .map_or("", |(_, place)| place);
    format!(
        "panicked at {}: {}",
        place.trim_end_matches(':'),
        said.join(" ").trim()
    )
}

fn frames(error: &wasmtime::Error, secrets: &Secrets) -> Vec<Text> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let mut symbols = Symbols::new(secrets);
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => symbols.show(name),
        None => Text::display(format_args!("function {}", frame.func_index()), CAUSE_BYTES),
    };
    trace.frames().iter().take(MAX_FRAMES).map(name).collect()
}

/// A size in the notation of the configuration, rounded if it has too many digits.
fn size(bytes: u64) -> String {
    let size = Size::of_bytes(bytes);
    let exact = size.to_string();
    if exact.len() > 7 {
        size.rounded()
    } else {
        exact
    }
}

const PANICKED: &str = "panicked at ";
/// `HostcallFuelExhausted`, private in wasmtime 48.
const HOSTCALL_FUEL: &str = "fuel allocated for hostcalls has been exhausted";
/// The limit of `Store::set_max_component_handles`, a plain message in wasmtime 48.
const HANDLE_LIMIT: &str = "store handle limit exceeded";
const CAUSE_BYTES: usize = 2 << 10;
const MAX_FRAMES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_on_standard_error_is_the_message() {
        let output: Vec<_> = [
            "starting",
            "",
            "thread 'main' (1) panicked at src/lib.rs:7:5:",
            "queue is gone",
            "note: run with `RUST_BACKTRACE=1`",
        ]
        .map(|line| Text::line(line, 100))
        .into();
        assert_eq!(
            with_panic("trapped", &output),
            "panicked at src/lib.rs:7:5: queue is gone"
        );
        assert_eq!(with_panic("trapped", &output[..1]), "trapped");
    }

    #[test]
    fn sizes_read_as_the_configuration_writes_them() {
        assert_eq!(size(64 << 20), "64MiB");
        assert_eq!(size((64 << 20) + 65_536), "64.1MiB");
        assert_eq!(size(8_454_952), "8.1MiB");
    }
}
