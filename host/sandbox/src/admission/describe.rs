//! Describes a component: calls `describe` under limits, and parses the schema that it returns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use crate::bindings::PluginPre;
use crate::call::{finish_store, until_deadline};
use crate::describe::Description;
use crate::load_error::LoadError;
use crate::run_limits::RunLimits;
use crate::run_log::{Origin, RunLog};
use crate::sandbox::Sandbox;
use crate::schema::{BindingError, Schema};
use crate::state::State;
use vitals_io::trust::Roots;
use vitals_model::{Digest, Limits};

/// Describes a component. Two components are described at a time.
pub(super) async fn describe(
    sandbox: &Sandbox,
    pre: &PluginPre,
    digest: Digest,
) -> Result<(Description, Schema), LoadError> {
    let permit = sandbox.describe_permit().await;
    let (description, schema) = call_describe(sandbox, pre, digest).await?;
    let schema = parse_schema(schema, permit).await?;
    Ok((description, schema))
}

/// Calls `describe` under limits and without grants. Returns the description and the text of the
/// schema.
async fn call_describe(
    sandbox: &Sandbox,
    pre: &PluginPre,
    digest: Digest,
) -> Result<(Description, String), LoadError> {
    let (handle, pre) = (sandbox.clone(), pre.clone());
    let work = async move {
        let started = Instant::now();
        let limits = RunLimits {
            timeout: DESCRIBE_TIME,
            limits: Limits {
                connections: 0,
                http_body: 0,
                ..Limits::default()
            },
        };
        let run_log = RunLog::new(
            "describe".parse().expect("it is a valid name"),
            Origin::Describe(digest),
            Arc::default(),
            None,
            None,
        );
        let mut store = handle.store(&limits, started, &Arc::default(), Roots::default(), run_log);
        let answer = until_deadline(&mut store, &limits, async |store| pre.describe(store).await);
        let answer = answer.await;
        let State {
            run_log, output, ..
        } = finish_store(store, &limits, started).state;
        run_log.close(&output.lines());
        answer
    };
    let raw = match sandbox.0.threads.run(work).await {
        Ok(Ok(raw)) => raw,
        Ok(Err(error)) => return Err(LoadError::Describe(Box::new(error))),
        Err(_) => return Err(LoadError::Panic("running its `describe`")),
    };
    let description = Description::new(&raw).map_err(LoadError::Description)?;
    Ok((description, raw.config_schema))
}

/// Parses a schema off the async runtime's threads, and gives up after [`SCHEMA_TIME`].
async fn parse_schema(text: String, permit: OwnedSemaphorePermit) -> Result<Schema, LoadError> {
    parse_schema_within(SCHEMA_TIME, permit, move || Schema::parse(&text)).await
}

/// Waits up to `time` for a schema to be parsed. The thread keeps the permit until it is done.
async fn parse_schema_within(
    time: Duration,
    permit: OwnedSemaphorePermit,
    read: impl FnOnce() -> Result<Schema, BindingError> + Send + 'static,
) -> Result<Schema, LoadError> {
    let read = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        read()
    });
    match tokio::time::timeout(time, read).await {
        Ok(Ok(schema)) => schema.map_err(LoadError::Schema),
        Ok(Err(_)) => Err(LoadError::Panic("reading its schema")),
        Err(_) => Err(LoadError::Schema(BindingError::Time(time))),
    }
}

const DESCRIBE_TIME: Duration = Duration::from_secs(5);
/// How long a schema may take to parse. A schema within its bounds takes far less.
const SCHEMA_TIME: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_lite::future::poll_once;

    use super::*;
    use crate::sandbox::SandboxOptions;

    #[tokio::test]
    async fn schemas_that_take_too_long_are_given_up_and_no_more_than_two_are_read() {
        let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
        let brief = Duration::from_millis(10);
        let mut held = Vec::new();
        while let Some(permit) = poll_once(sandbox.describe_permit()).await {
            let (release, released) = mpsc::channel::<()>();
            held.push(release);
            let read = move || {
                // Dropping the sender ends the wait.
                let _ = released.recv();
                Schema::parse("{}")
            };
            let schema = parse_schema_within(brief, permit, read).await;
            let error = LoadError::Schema(BindingError::Time(brief));
            assert_eq!(schema.err(), Some(error));
            assert!(held.len() <= 2, "no turn is free before a thread is");
        }
        held.pop();
        let permit = sandbox.describe_permit().await;
        let patiently = Duration::from_mins(1);
        let schema = parse_schema_within(patiently, permit, || Schema::parse("{}")).await;
        assert!(schema.is_ok(), "{schema:?}");
    }
}
