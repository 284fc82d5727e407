//! A bounded queue of messages, which drops the oldest when it is full.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Moment, Next, Outbox};

/// Messages to post, each once and in order.
#[derive(Debug)]
pub(crate) struct Queue {
    bodies: VecDeque<Bytes>,
    capacity: usize,
    /// Whether the first message is in flight.
    is_under_way: bool,
}

impl Queue {
    /// Creates an empty queue with this capacity.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            bodies: VecDeque::new(),
            capacity,
            is_under_way: false,
        }
    }

    /// Adds a message. If the queue is full, drops the oldest message that is not in flight.
    /// Returns how many were dropped.
    pub(crate) fn push(&mut self, body: Bytes) -> usize {
        let is_full = self.bodies.len() >= self.capacity;
        if is_full {
            self.bodies.remove(usize::from(self.is_under_way));
        }
        self.bodies.push_back(body);
        is_full.into()
    }
}

impl Outbox for Queue {
    fn next(&mut self, _: Moment) -> Next {
        let first = self.bodies.front().cloned();
        self.is_under_way = first.is_some();
        first.map_or(Next::Wait(None), Next::Post)
    }

    fn ended(&mut self, once_more: bool, _: Moment) {
        if self.is_under_way && !once_more {
            self.bodies.pop_front();
        }
        self.is_under_way = false;
    }

    fn len(&self) -> usize {
        self.bodies.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(number: usize) -> Bytes {
        number.to_string().into()
    }

    fn next(queue: &mut Queue) -> Option<Bytes> {
        match queue.next(Moment::now()) {
            Next::Post(body) => Some(body),
            Next::Wait(_) => None,
        }
    }

    #[test]
    fn the_oldest_goes_when_it_is_full_but_not_the_one_under_way() {
        let mut queue = Queue::new(4);
        for number in 0..4 {
            assert_eq!(queue.push(body(number)), 0);
        }
        assert_eq!(next(&mut queue), Some(body(0)));
        assert_eq!(queue.push(body(4)), 1);
        assert_eq!(queue.len(), 4);
        queue.ended(true, Moment::now());
        assert_eq!(next(&mut queue), Some(body(0)));
        queue.ended(false, Moment::now());
        assert_eq!(next(&mut queue), Some(body(2)));
        queue.ended(true, Moment::now());
        assert_eq!(queue.push(body(5)), 0);
        assert_eq!(queue.push(body(6)), 1);
        let mut left = Vec::new();
        while let Some(body) = next(&mut queue) {
            queue.ended(false, Moment::now());
            left.push(body);
        }
        assert_eq!(left, [3, 4, 5, 6].map(body));
    }
}
