//! A fair queue that decides which task gets a guest thread next. It knows neither threads nor
//! tasks, and gets the time from its caller.
//!
//! Overdue tasks come first, because all that remains is to end them. The others share the threads
//! by run time, least first: guests that compute without end take turns, and a task that has waited
//! for a reply does not wait behind them.

use std::collections::{BTreeMap, BTreeSet};

/// A point in time or a duration, in nanoseconds.
pub(super) type Nanos = u64;

#[derive(Debug)]
pub(super) struct FairQueue<T> {
    waiting: BTreeMap<Position, Waiting<T>>,
    /// The tasks with a deadline, in the order of their deadlines.
    deadlines: BTreeSet<(Nanos, Position)>,
    /// The highest run time of a task that was popped in turn.
    baseline: Nanos,
    /// The last ticket, which orders tasks of equal run time.
    last_ticket: u64,
}

/// The order of tasks: less run time first, then first come, first served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    run_time: Nanos,
    ticket: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    work: T,
    deadline: Option<Nanos>,
}

impl<T> FairQueue<T> {
    pub(super) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            baseline: 0,
            last_ticket: 0,
        }
    }

    /// Queues `work` with its run time and deadline. Returns the run time that counts from now on:
    /// a task that has slept for long does not accumulate credit.
    pub(super) fn push(&mut self, work: T, run_time: Nanos, deadline: Option<Nanos>) -> Nanos {
        let run_time = run_time.max(self.baseline.saturating_sub(MAX_CREDIT));
        self.last_ticket += 1;
        let position = Position {
            run_time,
            ticket: self.last_ticket,
        };
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, position));
        }
        self.waiting.insert(position, Waiting { work, deadline });
        run_time
    }

    /// Takes the next task at `now`.
    pub(super) fn pop(&mut self, now: Nanos) -> Option<T> {
        if let Some(&(deadline, position)) = self.deadlines.first()
            && deadline <= now
        {
            self.deadlines.pop_first();
            return self.waiting.remove(&position).map(|waiting| waiting.work);
        }
        let (position, Waiting { work, deadline }) = self.waiting.pop_first()?;
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, position));
        }
        self.baseline = self.baseline.max(position.run_time);
        Some(work)
    }

    pub(super) fn drain(&mut self) -> Vec<T> {
        self.deadlines.clear();
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_values().map(|waiting| waiting.work).collect()
    }
}

/// How far a task that has slept may be ahead of those that compute: a few slices, so that a run
/// with many short waits stays ahead but can't save up turns.
const MAX_CREDIT: Nanos = 5_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    /// Pops a task `count` times, and queues it again after a slice each time.
    fn run_slices(
        queue: &mut FairQueue<&'static str>,
        run_time: &mut BTreeMap<&'static str, Nanos>,
        count: usize,
    ) -> Vec<&'static str> {
        let mut order = Vec::new();
        for _ in 0..count {
            let name = queue.pop(0).expect("somebody waits");
            order.push(name);
            let before = run_time.get(name).copied().unwrap_or_default();
            let now = queue.push(name, before + MS, None);
            run_time.insert(name, now);
        }
        order
    }

    #[test]
    fn tasks_that_compute_take_turns() {
        let (mut queue, mut run_time) = (FairQueue::new(), BTreeMap::new());
        for name in ["a", "b", "c"] {
            queue.push(name, 0, None);
        }
        assert_eq!(
            run_slices(&mut queue, &mut run_time, 7),
            ["a", "b", "c", "a", "b", "c", "a"]
        );
    }

    #[test]
    fn a_task_that_has_waited_goes_before_those_that_compute() {
        let (mut queue, mut run_time) = (FairQueue::new(), BTreeMap::new());
        for name in ["a", "b"] {
            queue.push(name, 0, None);
        }
        run_slices(&mut queue, &mut run_time, 100);
        queue.push("sleeper", 0, None);
        assert_eq!(queue.pop(0), Some("sleeper"));
    }

    #[test]
    fn a_task_that_has_slept_does_not_accumulate_credit() {
        let (mut queue, mut run_time) = (FairQueue::new(), BTreeMap::new());
        queue.push("a", 0, None);
        run_slices(&mut queue, &mut run_time, 1000);
        let now = queue.push("sleeper", 0, None);
        run_time.insert("sleeper", now);
        let order = run_slices(&mut queue, &mut run_time, 40);
        let of_a = order.iter().filter(|name| **name == "a").count();
        assert!((15..=20).contains(&of_a), "{order:?}");
    }

    #[test]
    fn overdue_tasks_are_popped_in_the_order_of_their_deadlines() {
        let mut queue = FairQueue::new();
        queue.push("fresh", 0, Some(100));
        queue.push("late", 50 * MS, Some(20));
        queue.push("later", 50 * MS, Some(30));
        queue.push("open", 0, None);
        assert_eq!(queue.pop(10), Some("fresh"));
        assert_eq!(queue.pop(30), Some("late"));
        assert_eq!(queue.pop(30), Some("later"));
        assert_eq!(queue.pop(30), Some("open"));
        assert_eq!(queue.pop(30), None);
    }

    #[test]
    fn overdue_tasks_do_not_raise_the_baseline() {
        let mut queue = FairQueue::new();
        queue.push("late", 50 * MS, Some(0));
        assert_eq!(queue.pop(1), Some("late"));
        // If the baseline had risen, this task would start at it.
        assert_eq!(queue.push("new", 0, None), 0);
    }

    #[test]
    fn popped_tasks_leave_nothing_behind() {
        let mut queue = FairQueue::new();
        for round in 0..1000 {
            queue.push("spinner", round * MS, Some(Nanos::MAX));
            assert_eq!(queue.pop(0), Some("spinner"));
        }
        assert!(queue.waiting.is_empty() && queue.deadlines.is_empty());
        queue.push("left", 0, Some(7));
        assert_eq!(queue.drain(), ["left"]);
        assert_eq!(queue.pop(Nanos::MAX), None);
    }
}
