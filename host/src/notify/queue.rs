//! What waits for one webhook, in order and bounded: the oldest goes when it is full.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bodies that wait to be posted.
#[derive(Debug, Default)]
pub(super) struct Queue {
    bodies: VecDeque<Bytes>,
    /// Whether the first one is under way.
    is_under_way: bool,
}

impl Queue {
    /// Adds a body; answers whether another one was dropped for it. The one that is under way stays.
    pub(super) fn put(&mut self, body: Bytes) -> bool {
        let is_full = self.bodies.len() >= LENGTH;
        if is_full {
            self.bodies.remove(usize::from(self.is_under_way));
        }
        self.bodies.push_back(body);
        is_full
    }

    /// The next one, which is under way from here on.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        let first = self.bodies.front().cloned();
        self.is_under_way = first.is_some();
        first
    }

    /// The one under way has come to its end, or is to be tried once more.
    pub(super) fn ended(&mut self, once_more: bool) {
        if self.is_under_way && !once_more {
            self.bodies.pop_front();
        }
        self.is_under_way = false;
    }

    pub(super) fn len(&self) -> usize {
        self.bodies.len()
    }
}

const LENGTH: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn body(number: usize) -> Bytes {
        number.to_string().into()
    }

    #[test]
    fn the_oldest_goes_when_it_is_full_but_not_the_one_under_way() {
        let mut queue = Queue::default();
        for number in 0..LENGTH {
            assert!(!queue.put(body(number)));
        }
        assert_eq!(queue.next(), Some(body(0)));
        assert!(queue.put(body(LENGTH)));
        assert_eq!(queue.len(), LENGTH);
        queue.ended(true);
        assert_eq!(queue.next(), Some(body(0)));
        queue.ended(false);
        assert_eq!(queue.next(), Some(body(2)));
        queue.ended(true);
        assert!(!queue.put(body(LENGTH + 1)));
        assert!(queue.put(body(LENGTH + 2)));
        assert_eq!(queue.next(), Some(body(3)));
        let mut left = Vec::new();
        while let Some(body) = queue.next() {
            queue.ended(false);
            left.push(body);
        }
        assert_eq!(left.last(), Some(&body(LENGTH + 2)));
        assert_eq!(left.len(), LENGTH);
    }
}
