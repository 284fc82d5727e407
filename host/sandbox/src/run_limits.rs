//! The limits of one run as the sandbox arms them.

use std::time::Duration;

use vitals_model::Limits;

/// The limits of one run as the sandbox arms them.
#[derive(Clone, Debug)]
pub(super) struct RunLimits {
    pub(super) timeout: Duration,
    pub(super) fuel: u64,
    pub(super) memory: u64,
    pub(super) output: u64,
    pub(super) resources: usize,
    pub(super) connections: u32,
    pub(super) http_body: u64,
}

impl RunLimits {
    pub(super) fn new(limits: &Limits, timeout: Duration) -> Self {
        Self {
            timeout,
            fuel: limits.fuel,
            memory: limits.memory,
            output: limits.output,
            resources: RESOURCES,
            connections: limits.connections,
            http_body: limits.http_body,
        }
    }
}

/// Streams, pollables and other handles that one run may hold.
const RESOURCES: usize = 1_000;
