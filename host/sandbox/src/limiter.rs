//! The memory limit of a guest, over the sum of its memories and tables.

use wasmtime::ResourceLimiter;

use super::engine::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};

/// Counts the memory of a store. wasmtime's own `StoreLimits` limits each memory separately, so a
/// component with many memories could use a multiple of the limit.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    limit: usize,
    used: usize,
}

/// The guest requested more memory than its limit; this error ends the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("asked for {requested} bytes of memory in all, the limit is {limit}")]
pub(super) struct MemoryExceeded {
    pub(super) limit: usize,
    pub(super) requested: usize,
}

impl MemoryLimiter {
    pub(super) fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { limit, used: 0 }
    }

    pub(super) fn peak(&self) -> u64 {
        // The count never decreases.
        self.used as u64
    }

    /// Counts a growth, or ends the run. A growth beyond the `maximum` of its memory or table
    /// fails, and is not counted.
    ///
    /// A failed growth is not subtracted: wasmtime also reports failures of growths that it never
    /// requested here, and a guest could mix both to use memory that is not counted. A growth that
    /// was counted fails only if the machine has no memory left.
    fn grow(
        &mut self,
        by: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let requested = self.used.saturating_add(by);
        if requested > self.limit {
            return Err(MemoryExceeded {
                limit: self.limit,
                requested,
            }
            .into());
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.used = requested;
        Ok(true)
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current), desired, maximum)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let elements = desired.saturating_sub(current);
        let bytes = elements.saturating_mul(size_of::<usize>());
        self.grow(bytes, desired, maximum)
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
                requested: 1020
            })
        );
        assert_eq!(limiter.peak(), 920);
    }

    #[test]
    fn a_growth_beyond_its_maximum_fails_and_is_not_counted() {
        let mut limiter = MemoryLimiter::new(1000);
        for _ in 0..10 {
            assert!(!limiter.memory_growing(0, 900, Some(800)).unwrap());
            assert!(!limiter.table_growing(0, 100, Some(99)).unwrap());
        }
        assert_eq!(limiter.peak(), 0);
        assert!(limiter.memory_growing(0, 800, Some(800)).unwrap());
    }

    #[test]
    fn failures_that_were_never_asked_for_give_nothing_back() {
        let mut limiter = MemoryLimiter::new(1000);
        let mut size = 0;
        let ended = loop {
            let failed = limiter.memory_grow_failed(wasmtime::Error::msg("beyond its type"));
            failed
                .and(limiter.table_grow_failed(wasmtime::Error::msg("the same")))
                .unwrap();
            match limiter.memory_growing(size, size + 100, None) {
                Ok(_) => size += 100,
                Err(_) => break size,
            }
            assert!(size <= 1000, "it grows for ever");
        };
        assert_eq!(ended, 1000);
    }
}
