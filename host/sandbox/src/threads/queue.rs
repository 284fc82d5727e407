//! Who of the waiting gets a guest thread next. Pure values: it knows neither threads nor tasks, and
//! is told what time it is.
//!
//! Overdue work goes first, because all that is left to do for it is to end it. The rest shares the
//! threads by the time that it has used, least first: guests that compute without end take turns,
//! and one that has waited for a reply does not stand in line behind them.

use std::collections::{BTreeMap, BTreeSet};

/// A moment or a length of time, in nanoseconds.
pub(super) type Nanos = u64;

/// What waits for a thread.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    waiting: BTreeMap<Position, Waiting<T>>,
    /// Those that have a deadline, in its order.
    deadlines: BTreeSet<(Nanos, Position)>,
    /// What the last one in turn had used.
    baseline: Nanos,
    /// Tells those apart that have used the same, in their order.
    last_ticket: u64,
}

/// Who has used less stands in front; of two that have used the same, who came first.
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

    /// Lets `work` wait that has used `run_time` so far and is overdue from `deadline` on. Answers what
    /// counts as used from now on: whoever has slept for long is not owed all that time.
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

    /// Whose turn it is at `now`.
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

    /// Takes out all that waits.
    pub(super) fn drain(&mut self) -> Vec<T> {
        self.deadlines.clear();
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_values().map(|waiting| waiting.work).collect()
    }
}

/// How far ahead of those that compute somebody may be who has slept: some slices, so that a run of
/// many short waits stays in front, and no more, so that it can't save up turns.
const MAX_CREDIT: Nanos = 5_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    /// Whoever is named gets `slice` each time, and waits again.
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
    fn those_that_compute_take_turns() {
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
    fn one_that_has_waited_goes_before_those_that_compute() {
        let (mut queue, mut run_time) = (FairQueue::new(), BTreeMap::new());
        for name in ["a", "b"] {
            queue.push(name, 0, None);
        }
        run_slices(&mut queue, &mut run_time, 100);
        queue.push("sleeper", 0, None);
        assert_eq!(queue.pop(0), Some("sleeper"));
    }

    #[test]
    fn whoever_has_slept_is_not_owed_all_that_time() {
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
    fn the_overdue_go_first_and_the_longest_overdue_before_them() {
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
    fn the_overdue_cost_nobody_their_place() {
        let mut queue = FairQueue::new();
        queue.push("late", 50 * MS, Some(0));
        assert_eq!(queue.pop(1), Some("late"));
        // Had the level risen with it, this one would count as having used as much.
        assert_eq!(queue.push("new", 0, None), 0);
    }

    #[test]
    fn nothing_of_those_in_turn_stays_behind() {
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
