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
pub(super) struct Queue<T> {
    waiting: BTreeMap<Place, Waiting<T>>,
    /// Those that have a deadline, in its order.
    due: BTreeSet<(Nanos, Place)>,
    /// What the last one in turn had used.
    level: Nanos,
    /// Tells those apart that have used the same, in their order.
    tickets: u64,
}

/// Who has used less stands in front; of two that have used the same, who came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    used: Nanos,
    ticket: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    work: T,
    deadline: Option<Nanos>,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            due: BTreeSet::new(),
            level: 0,
            tickets: 0,
        }
    }

    /// Lets `work` wait that has used `used` so far and is overdue from `deadline` on. Answers what
    /// counts as used from now on: whoever has slept for long is not owed all that time.
    pub(super) fn push(&mut self, work: T, used: Nanos, deadline: Option<Nanos>) -> Nanos {
        let used = used.max(self.level.saturating_sub(CREDIT));
        self.tickets += 1;
        let place = Place {
            used,
            ticket: self.tickets,
        };
        if let Some(deadline) = deadline {
            self.due.insert((deadline, place));
        }
        self.waiting.insert(place, Waiting { work, deadline });
        used
    }

    /// Whose turn it is at `now`.
    pub(super) fn pop(&mut self, now: Nanos) -> Option<T> {
        if let Some(&(deadline, place)) = self.due.first()
            && deadline <= now
        {
            self.due.pop_first();
            return self.waiting.remove(&place).map(|waiting| waiting.work);
        }
        let (place, Waiting { work, deadline }) = self.waiting.pop_first()?;
        if let Some(deadline) = deadline {
            self.due.remove(&(deadline, place));
        }
        self.level = self.level.max(place.used);
        Some(work)
    }

    /// Takes out all that waits.
    pub(super) fn drain(&mut self) -> Vec<T> {
        self.due.clear();
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_values().map(|waiting| waiting.work).collect()
    }
}

/// How far ahead of those that compute somebody may be who has slept: some slices, so that a run of
/// many short waits stays in front, and no more, so that it can't save up turns.
const CREDIT: Nanos = 5_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    /// Whoever is named gets `slice` each time, and waits again.
    fn turns(
        queue: &mut Queue<&'static str>,
        used: &mut BTreeMap<&'static str, Nanos>,
        count: usize,
    ) -> Vec<&'static str> {
        let mut seen = Vec::new();
        for _ in 0..count {
            let name = queue.pop(0).expect("somebody waits");
            seen.push(name);
            let before = used.get(name).copied().unwrap_or_default();
            let now = queue.push(name, before + MS, None);
            used.insert(name, now);
        }
        seen
    }

    #[test]
    fn those_that_compute_take_turns() {
        let (mut queue, mut used) = (Queue::new(), BTreeMap::new());
        for name in ["a", "b", "c"] {
            queue.push(name, 0, None);
        }
        assert_eq!(
            turns(&mut queue, &mut used, 7),
            ["a", "b", "c", "a", "b", "c", "a"]
        );
    }

    #[test]
    fn one_that_has_waited_goes_before_those_that_compute() {
        let (mut queue, mut used) = (Queue::new(), BTreeMap::new());
        for name in ["a", "b"] {
            queue.push(name, 0, None);
        }
        turns(&mut queue, &mut used, 100);
        queue.push("sleeper", 0, None);
        assert_eq!(queue.pop(0), Some("sleeper"));
    }

    #[test]
    fn whoever_has_slept_is_not_owed_all_that_time() {
        let (mut queue, mut used) = (Queue::new(), BTreeMap::new());
        queue.push("a", 0, None);
        turns(&mut queue, &mut used, 1000);
        let now = queue.push("sleeper", 0, None);
        used.insert("sleeper", now);
        let seen = turns(&mut queue, &mut used, 40);
        let of_a = seen.iter().filter(|name| **name == "a").count();
        assert!((15..=20).contains(&of_a), "{seen:?}");
    }

    #[test]
    fn the_overdue_go_first_and_the_longest_overdue_before_them() {
        let mut queue = Queue::new();
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
        let mut queue = Queue::new();
        queue.push("late", 50 * MS, Some(0));
        assert_eq!(queue.pop(1), Some("late"));
        // Had the level risen with it, this one would count as having used as much.
        assert_eq!(queue.push("new", 0, None), 0);
    }

    #[test]
    fn nothing_of_those_in_turn_stays_behind() {
        let mut queue = Queue::new();
        for round in 0..1000 {
            queue.push("spinner", round * MS, Some(Nanos::MAX));
            assert_eq!(queue.pop(0), Some("spinner"));
        }
        assert!(queue.waiting.is_empty() && queue.due.is_empty());
        queue.push("left", 0, Some(7));
        assert_eq!(queue.drain(), ["left"]);
        assert_eq!(queue.pop(Nanos::MAX), None);
    }
}
