//! Attempts at one piece of work, and the pauses between them.

use crate::duty::Work;
use crate::settings::Settings;
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use std::time::{Duration, Instant};

/// Attempts at one piece of work. Starts anew with other work.
pub(super) struct Attempts {
    /// At what.
    pub(super) work: Work,
    /// How many, the present one included.
    pub(super) count: u32,
    /// When the first began.
    first: Instant,
    /// How much of the time since then was spent waiting for a leave to begin or go on.
    pub(super) waited: Duration,
    pauses: ExponentialBackoff,
}

impl Attempts {
    pub(super) fn new(work: Work, settings: &Settings) -> Self {
        Self { work, count: 0, first: Instant::now(), waited: Duration::ZERO, pauses: pauses(settings) }
    }

    /// True when it has been tried for so long that it counts as failed.
    pub(super) fn is_over(&self, deadline: Duration) -> bool {
        self.first.elapsed().saturating_sub(self.waited) >= deadline
    }

    /// The pauses are short again, and the deadline is as far away as at first.
    pub(super) fn begin_again(&mut self, settings: &Settings) {
        self.first = Instant::now();
        self.waited = Duration::ZERO;
        self.pauses = pauses(settings);
    }

    pub(super) fn pause(&mut self, settings: &Settings) -> Duration {
        self.pauses.next().unwrap_or(settings.retry_pause_max)
    }
}

/// Growing pauses with jitter, so that agents that met once do not meet again in step. Without end.
pub(super) fn pauses(settings: &Settings) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(settings.retry_pause_first)
        .with_max_delay(settings.retry_pause_max)
        .with_jitter()
        .without_max_times()
        .build()
}

/// The interval, up to a quarter shorter.
pub(super) fn jittered(interval: Duration) -> Duration {
    let quarter = interval / 4;
    let jitter = ExponentialBuilder::new().with_min_delay(quarter).with_factor(1.0).with_jitter().build().next();
    // The jitter of the builder lies between one and two quarters.
    interval - jitter.unwrap_or(quarter).saturating_sub(quarter).min(quarter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_core::step::Action;
    use lockstep_core::{Fence, Version};
    use lockstep_database::Kind;

    #[test]
    fn time_spent_waiting_for_a_leave_does_not_count_against_the_deadline() {
        let work = Work {
            version: Version(1),
            base: Version(0),
            hash: String::new(),
            step_name: String::new(),
            kind: Kind::Forward,
            action: Action::Nothing,
            targets: Vec::new(),
            fence: Fence(1),
        };
        let mut attempts = Attempts::new(work, &Settings::default());
        assert!(attempts.is_over(Duration::ZERO));
        attempts.waited = Duration::from_secs(3600);
        assert!(!attempts.is_over(Duration::from_nanos(1)));
    }
}
