//! A bounded queue of messages, which drops the oldest when it is full.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Next, Outbox, TimePoint};

/// Messages to post, each once and in order.
#[derive(Debug)]
pub(crate) struct Queue {
    bodies: VecDeque<Bytes>,
    capacity: usize,
    /// Whether the first message is in flight.
    is_in_flight: bool,
}

impl Queue {
    /// Creates an empty queue with this capacity.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            bodies: VecDeque::new(),
            capacity,
            is_in_flight: false,
        }
    }

    /// Adds a message. If the queue is full, drops the oldest message that is not in flight.
    /// Returns how many were dropped.
    pub(crate) fn push(&mut self, body: Bytes) -> usize {
        let is_full = self.bodies.len() >= self.capacity;
        if is_full {
            self.bodies.remove(usize::from(self.is_in_flight));
        }
        self.bodies.push_back(body);
        is_full.into()
    }
}

impl Outbox for Queue {
    fn next(&mut self, _: TimePoint) -> Next {
        let first = self.bodies.front().cloned();
        self.is_in_flight = first.is_some();
        first.map_or(Next::Wait(None), Next::Post)
    }

    fn completed(&mut self, retry: bool, _: TimePoint) {
        if self.is_in_flight && !retry {
            self.bodies.pop_front();
        }
        self.is_in_flight = false;
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
        match queue.next(TimePoint::now()) {
            Next::Post(body) => Some(body),
            Next::Wait(_) => None,
        }
    }

    #[test]
    fn a_full_queue_drops_the_oldest_message_not_in_flight() {
        let mut queue = Queue::new(4);
        for number in 0..4 {
            assert_eq!(queue.push(body(number)), 0);
        }
        assert_eq!(next(&mut queue), Some(body(0)));
        assert_eq!(queue.push(body(4)), 1);
        assert_eq!(queue.len(), 4);
        queue.completed(true, TimePoint::now());
        assert_eq!(next(&mut queue), Some(body(0)));
        queue.completed(false, TimePoint::now());
        assert_eq!(next(&mut queue), Some(body(2)));
        queue.completed(true, TimePoint::now());
        assert_eq!(queue.push(body(5)), 0);
        assert_eq!(queue.push(body(6)), 1);
        let mut left = Vec::new();
        while let Some(body) = next(&mut queue) {
            queue.completed(false, TimePoint::now());
            left.push(body);
        }
        assert_eq!(left, [3, 4, 5, 6].map(body));
    }
}
