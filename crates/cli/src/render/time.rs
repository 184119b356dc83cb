//! Times and durations as operators read them.

use lockstep_core::Timestamp;
pub(crate) use lockstep_proto::view::duration;
use std::time::{Duration, UNIX_EPOCH};

/// How long ago something was. The clocks of this machine and of the leader may differ a little: never negative, and never in
/// milliseconds.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    match now.since_ms(since) {
        0..1_000 => "0s".to_owned(),
        ms => duration(ms),
    }
}

/// A point in time, in UTC, to the second.
pub(crate) fn point(at: Timestamp) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(at.0)).to_string()
}

#[cfg(test)]
mod tests {
    use super::{age, point};
    use lockstep_core::Timestamp;

    #[test]
    fn a_clock_that_is_ahead_makes_no_negative_age() {
        assert_eq!(age(Timestamp(5_000), Timestamp(4_000)), "0s");
        assert_eq!(age(Timestamp(5_000), Timestamp(65_000)), "1m");
    }

    #[test]
    fn points_are_utc() {
        assert_eq!(point(Timestamp(1_700_000_000_000)), "2023-11-14T22:13:20Z");
    }
}
