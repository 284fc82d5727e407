//! One sum over all memories and tables of a guest, held to the memory limit.

use wasmtime::ResourceLimiter;

use super::engine::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};

/// Counts what a store holds. wasmtime's own `StoreLimits` bounds each memory by itself, so that a
/// component of many would have many times the limit.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    limit: usize,
    held: usize,
    peak: usize,
    last_growth: usize,
}

/// The guest asked for more memory than it may have; ends the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("asked for {asked} bytes of memory in all, the limit is {limit}")]
pub(super) struct MemoryExceeded {
    pub(super) limit: usize,
    pub(super) asked: usize,
}

impl MemoryLimiter {
    pub(super) fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self {
            limit,
            held: 0,
            peak: 0,
            last_growth: 0,
        }
    }

    /// The most that was held at a time, in bytes.
    pub(super) fn peak(&self) -> u64 {
        self.peak as u64
    }

    fn grow(&mut self, by: usize) -> wasmtime::Result<bool> {
        let asked = self.held.saturating_add(by);
        if asked > self.limit {
            return Err(MemoryExceeded {
                limit: self.limit,
                asked,
            }
            .into());
        }
        self.held = asked;
        self.peak = self.peak.max(asked);
        self.last_growth = by;
        Ok(true)
    }

    fn growth_failed(&mut self) {
        self.held = self
            .held
            .saturating_sub(std::mem::take(&mut self.last_growth));
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.growth_failed();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(
            desired
                .saturating_sub(current)
                .saturating_mul(size_of::<usize>()),
        )
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.growth_failed();
        Ok(())
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut limiter = MemoryLimiter::new(1000);
        assert!(limiter.memory_growing(0, 600, None).is_ok());
        assert!(limiter.table_growing(0, 40, None).is_ok());
        let error = limiter.memory_growing(600, 700, None).unwrap_err();
        let exceeded = error.downcast_ref::<MemoryExceeded>();
        assert_eq!(
            exceeded,
            Some(&MemoryExceeded {
                limit: 1000,
                asked: 1020
            })
        );
        assert_eq!(limiter.peak(), 920);
    }

    #[test]
    fn a_growth_that_failed_is_not_held() {
        let mut limiter = MemoryLimiter::new(1000);
        assert!(limiter.memory_growing(0, 900, None).is_ok());
        assert!(
            limiter
                .memory_grow_failed(wasmtime::Error::msg("no memory"))
                .is_ok()
        );
        assert!(limiter.memory_growing(0, 900, None).is_ok());
    }
}
