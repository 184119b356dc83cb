//! Who waits behind a statement, and since when: what tells that it must give way.

use crate::job::Patience;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

/// Sessions that wait, each since when.
pub(crate) struct Queue<Session> {
    patience: Patience,
    since: HashMap<Session, Instant>,
}

impl<Session: Copy + Eq + Hash> Queue<Session> {
    pub(crate) fn new(patience: &Patience) -> Self {
        Self { patience: patience.clone(), since: HashMap::new() }
    }

    pub(crate) fn is_too_long(&mut self, sessions: &[Session], now: Instant) -> bool {
        self.since.retain(|session, _| sessions.contains(session));
        for session in sessions {
            self.since.entry(*session).or_insert(now);
        }
        self.since.len() > self.patience.queue_sessions_max as usize
            || self.since.values().any(|since| now.duration_since(*since) >= self.patience.queue_wait_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_queue_is_too_long_in_sessions_or_in_time() {
        let patience =
            Patience { queue_sessions_max: 2, queue_wait_max: Duration::from_secs(1), ..Patience::default() };
        let mut queue = Queue::new(&patience);
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert!(!queue.is_too_long(&[1, 2], at(0)));
        assert!(queue.is_too_long(&[1, 2, 3], at(10)), "three are more than two");
        assert!(!queue.is_too_long(&[2], at(900)));
        assert!(!queue.is_too_long(&[1, 4], at(1_000)), "who waited and comes again begins anew");
        assert!(queue.is_too_long(&[4], at(2_000)));
    }
}
