//! How many sessions a backfill may work with: as many as there are cores that nobody else needs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Whoever worked so lately may do so again: cores are theirs at once, and free again after that time.
const LENGTH: Duration = Duration::from_secs(10);

/// How many sessions of others were at work lately.
#[derive(Debug, Default)]
pub(super) struct Room {
    others: VecDeque<(Instant, u32)>,
}

impl Room {
    /// Takes a new reading, `None` where the engine does not tell; how many of so many cores are to be had: one at least.
    pub(super) fn observe(&mut self, others: Option<u32>, cores: u32, now: Instant) -> u32 {
        self.others.push_back((now, others.unwrap_or(u32::MAX)));
        while self.others.front().is_some_and(|(at, _)| now.duration_since(*at) > LENGTH) {
            self.others.pop_front();
        }
        let most = self.others.iter().map(|(_, others)| *others).max().unwrap_or_default();
        cores.saturating_sub(most).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_others_at_once_and_free_after_a_while() {
        let (start, mut room) = (Instant::now(), Room::default());
        let mut at = |seconds, others| room.observe(others, 4, start + Duration::from_secs(seconds));
        assert_eq!(at(0, Some(0)), 4);
        assert_eq!(at(1, Some(3)), 1);
        assert_eq!(at(2, Some(1)), 1);
        assert_eq!(at(11, Some(1)), 1);
        assert_eq!(at(12, Some(1)), 3);
        assert_eq!(at(13, Some(9)), 1);
        assert_eq!(at(24, None), 1, "what is not told may be any number");
    }
}
